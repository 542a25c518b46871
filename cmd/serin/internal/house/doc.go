// Package house holds the rules that keep the code base in shape: who may import
// whom, which library stays behind which door, how long a function may grow. It
// has only tests, which read the source tree and build nothing.
//
// A rule that must yield somewhere yields by an exception with a reason, beside
// the rule; an exception that nothing needs any more fails the test too.
package house
