// Package store has what the clients of HTTP stores share: secrets that are named and
// not written down, a transport that is bounded, and errors in the store's own words
// without credentials.
package store
