package grpccheck

import (
	"errors"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

const (
	maxJSON = 8 << 20 // bytes of an answer as JSON
	maxDeep = 100     // messages in messages
)

var errTooLong = errors.New("its answer would be more than 8 MiB as JSON, or more than 100 messages deep, and no more is read")

// json writes a message as JSON with the defaults of its fields, so that an assertion
// may speak of a zero. The server chose the types, with which two bytes can stand for a
// long text: so the length is estimated before anything is written.
func (t types) json(m proto.Message) ([]byte, error) {
	s := sizing{types: t, empty: map[protoreflect.FullName]int{}}
	if s.message(m.ProtoReflect(), 0); s.left() <= 0 {
		return nil, errTooLong
	}
	return protojson.MarshalOptions{EmitDefaultValues: true, Resolver: t.known}.Marshal(m)
}

// sizing adds up, from above, how many bytes a message takes as JSON.
type sizing struct {
	types types
	empty map[protoreflect.FullName]int // of a message without any value
	n     int
}

func (s *sizing) left() int { return maxJSON - s.n }

func (s *sizing) message(m protoreflect.Message, deep int) {
	if deep > maxDeep {
		s.n = maxJSON
	}
	if s.n += s.blank(m.Descriptor()); s.left() <= 0 {
		return
	}
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.IsMap():
			v.Map().Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
				s.n += 6*len(k.String()) + 4
				s.value(f.MapValue(), v, deep)
				return s.left() > 0
			})
		case f.IsList():
			for i := range v.List().Len() {
				if s.value(f, v.List().Get(i), deep); s.left() <= 0 {
					return false
				}
			}
		default:
			s.value(f, v, deep)
		}
		return s.left() > 0
	})
	s.packed(m, deep)
}

func (s *sizing) value(f protoreflect.FieldDescriptor, v protoreflect.Value, deep int) {
	s.n += 2
	switch f.Kind() {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		s.message(v.Message(), deep+1)
	case protoreflect.StringKind:
		s.n += 6 * len(v.String())
	case protoreflect.BytesKind:
		s.n += 2 * len(v.Bytes())
	case protoreflect.EnumKind:
		if e := f.Enum().Values().ByNumber(v.Enum()); e != nil {
			s.n += len(e.Name())
		}
		s.n += 12
	default:
		s.n += 26
	}
}

// blank is how long a message of a type is without any value.
func (s *sizing) blank(d protoreflect.MessageDescriptor) int {
	n, known := s.empty[d.FullName()]
	if known {
		return n
	}
	n = 2
	for i := range d.Fields().Len() {
		f := d.Fields().Get(i)
		n += 6*len(f.JSONName()) + 10
		if e := f.Enum(); e != nil && e.Values().Len() > 0 {
			n += len(e.Values().Get(0).Name())
		}
		if f.Kind() == protoreflect.StringKind || f.Kind() == protoreflect.BytesKind {
			if v := f.Default(); v.IsValid() && f.HasDefault() {
				n += 6 * len(v.String())
			}
		}
	}
	s.empty[d.FullName()] = n
	return n
}

// packed adds what a google.protobuf.Any holds.
func (s *sizing) packed(m protoreflect.Message, deep int) {
	d := m.Descriptor()
	if d.FullName() != "google.protobuf.Any" || s.left() <= 0 {
		return
	}
	url, value := d.Fields().ByName("type_url"), d.Fields().ByName("value")
	if url == nil || value == nil || url.Kind() != protoreflect.StringKind || value.Kind() != protoreflect.BytesKind {
		return
	}
	t, err := s.types.known.FindMessageByURL(m.Get(url).String())
	if err != nil {
		return // the writer refuses it, too
	}
	inner := t.New()
	if proto.Unmarshal(m.Get(value).Bytes(), inner.Interface()) == nil {
		s.message(inner, deep+1)
	}
}
