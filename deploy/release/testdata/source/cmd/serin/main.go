// Command serin stands in for the real one, which takes longer to build.
package main

import (
	"fmt"
	"os"

	"github.com/google/go-cmp/cmp"
)

func main() {
	if len(os.Args) == 3 && os.Args[1] == "completion" {
		fmt.Println("# completion for", os.Args[2])
		return
	}
	if len(os.Args) == 4 && os.Args[1] == "man" {
		if err := os.MkdirAll(os.Args[3], 0o755); err != nil {
			panic(err)
		}
		if err := os.WriteFile(os.Args[3]+"/serin.1", []byte(".TH SERIN 1\n"), 0o600); err != nil {
			panic(err)
		}
		return
	}
	fmt.Println("small", cmp.Equal(1, 1))
}
