// Package batch puts questions that are asked at about the same time into one call.
//
// A look asks for every metric and both arms at once, each by itself, since that is
// what a source is asked for. A store that counts its calls, and answers many
// questions in one, is asked for all of them together: after a short pause, in which
// the others arrive. Whoever waits is answered, or told why not, by himself: where
// the store refuses a call because of what is in it, the call is halved until the
// refusal reaches the one question that it is about.
package batch
