package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/klauspost/compress/zstd"
)

// A part of an archive is a run of looks, compressed together, since each resembles
// the one before:
//
//	'Z' version, and then a zstd frame with its checksum of
//	for each look: its number, and for each field: length and bytes
//
// Integers are varints as in encoding/binary. The fields are freeze, checks, problems
// and context where it holds inputs, and the verdict where it holds verdicts. A part
// with no looks is empty.
const (
	packMagic   = 'Z'
	packVersion = 1
	// maxUnpacked bounds what a part is unpacked into, in bytes.
	maxUnpacked = 1 << 30
)

// packed is one look in a part.
type packed struct {
	seq    int
	fields [][]byte
}

// packer compresses parts. It is made for one run and used by one goroutine.
type packer struct{ z *zstd.Encoder }

func newPacker() (packer, error) {
	z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(true))
	if err != nil {
		return packer{}, fmt.Errorf("journal: %w", err)
	}
	return packer{z}, nil
}

// pack writes looks as a part.
func (p packer) pack(looks []packed) []byte {
	if len(looks) == 0 {
		return []byte{}
	}
	var plain []byte
	for _, l := range looks {
		plain = binary.AppendUvarint(plain, uint64(l.seq))
		for _, f := range l.fields {
			plain = binary.AppendUvarint(plain, uint64(len(f)))
			plain = append(plain, f...)
		}
	}
	return p.z.EncodeAll(plain, []byte{packMagic, packVersion})
}

// unpack reads a part whose looks have so many fields each.
func unpack(part []byte, fields int) ([]packed, error) {
	if len(part) == 0 {
		return nil, nil
	}
	if len(part) < 2 || part[0] != packMagic {
		return nil, errors.New("it is no part of an archive")
	}
	if part[1] != packVersion {
		return nil, fmt.Errorf("it is in form %d, and this binary reads form %d; use the newer binary", part[1], packVersion)
	}
	z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxUnpacked))
	if err != nil {
		return nil, err
	}
	defer z.Close()
	plain, err := z.DecodeAll(part[2:], nil)
	if err != nil {
		return nil, fmt.Errorf("it cannot be unpacked: %w", err)
	}
	var looks []packed
	for len(plain) > 0 {
		l := packed{fields: make([][]byte, fields)}
		seq, n := binary.Uvarint(plain)
		if n <= 0 || seq > 1<<40 {
			return nil, errors.New("a look in it has no number")
		}
		l.seq, plain = int(seq), plain[n:]
		for i := range l.fields {
			size, n := binary.Uvarint(plain)
			if n <= 0 || size > uint64(len(plain)-n) {
				return nil, fmt.Errorf("look %d ends within it", l.seq)
			}
			end := n + int(size)
			l.fields[i], plain = slices.Clip(plain[n:end]), plain[end:]
		}
		looks = append(looks, l)
	}
	return looks, nil
}

// archive gives back what a rollout's parts hold, look by look in order. Each part
// is unpacked when its first look is asked for.
type archive struct {
	fields int
	parts  [][]byte
	looks  []packed // of the part that was unpacked last, not yet passed
}

// find returns a look's fields, or nil where no part has it. Later calls ask for
// later looks.
func (a *archive) find(seq int) ([][]byte, error) {
	for {
		for len(a.looks) > 0 && a.looks[0].seq < seq {
			a.looks = a.looks[1:]
		}
		if len(a.looks) > 0 {
			if a.looks[0].seq == seq {
				return a.looks[0].fields, nil
			}
			return nil, nil
		}
		if len(a.parts) == 0 {
			return nil, nil
		}
		next := a.parts[0]
		a.parts = a.parts[1:]
		var err error
		if a.looks, err = unpack(next, a.fields); err != nil {
			return nil, fmt.Errorf("the archive that it is in is damaged: %w", err)
		}
	}
}
