package journal

import (
	"bytes"
	"testing"
)

// Whatever a part is, it is refused or read, and what was read packs again.
func FuzzUnpack(f *testing.F) {
	p, err := newPacker()
	if err != nil {
		f.Fatal(err)
	}
	good := p.pack([]packed{{1, [][]byte{[]byte("a"), nil}}, {7, [][]byte{nil, []byte("bcd")}}})
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add([]byte("Z\x02"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		looks, err := unpack(b, 2)
		if bytes.Equal(b, good) && (err != nil || len(looks) != 2) {
			t.Errorf("got %d looks, error %v; want the two that were packed", len(looks), err)
		}
		if err != nil {
			return
		}
		if err := same(looks, p.pack(looks), 2); err != nil {
			t.Error(err)
		}
	})
}

func TestAPartIsReadInOrder(t *testing.T) {
	p, err := newPacker()
	if err != nil {
		t.Fatal(err)
	}
	one := func(seqs ...int) []byte {
		var looks []packed
		for _, s := range seqs {
			looks = append(looks, packed{s, [][]byte{{byte(s)}}})
		}
		return p.pack(looks)
	}
	a := archive{fields: 1, parts: [][]byte{one(1, 2, 4), one(), one(6, 7)}}
	for _, c := range []struct {
		seq   int
		there bool
	}{{1, true}, {3, false}, {4, true}, {5, false}, {7, true}, {8, false}} {
		got, err := a.find(c.seq)
		if err != nil || (got != nil) != c.there || c.there && int(got[0][0]) != c.seq {
			t.Errorf("look %d: got %v, error %v; want %v", c.seq, got, err, c.there)
		}
	}
}
