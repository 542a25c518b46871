package plan

import (
	"os"
	"testing"
)

// BenchmarkParse measures how long a server takes for one plan of every feature.
func BenchmarkParse(b *testing.B) {
	text, err := os.ReadFile("testdata/good/everything.yaml")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse("everything.yaml", text); err != nil {
			b.Fatal(err)
		}
	}
}
