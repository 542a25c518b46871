// Package sequential holds the anytime-valid statistics: e-processes, confidence
// sequences, dispersion.
package sequential
