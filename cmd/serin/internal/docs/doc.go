// Package docs has no code of its own. Its tests read every Markdown page of the project:
// each page can be reached from the index, each link and anchor leads somewhere, each fence
// of YAML or JSON is read by what reads such a file, and each command is run by the built
// binary, or listed with the reason why it cannot be run here.
package docs
