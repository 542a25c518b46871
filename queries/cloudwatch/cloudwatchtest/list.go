package cloudwatchtest

import (
	"maps"
	"slices"
	"strconv"

	"github.com/aws/smithy-go/encoding/cbor"
)

// listed answers ListMetrics: what has at least the dimensions that are asked for, in
// pages of [Server.Page].
func (s *Server) listed(in cbor.Map) cbor.Map {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := cbor.List{}
	for _, key := range slices.Sorted(maps.Keys(s.known)) {
		x := s.known[key]
		if x.Namespace != text(in["Namespace"]) || x.Name != text(in["MetricName"]) || !hasAll(x.Dims, in["Dimensions"]) {
			continue
		}
		dims := cbor.List{}
		for _, name := range slices.Sorted(maps.Keys(x.Dims)) {
			dims = append(dims, cbor.Map{"Name": cbor.String(name), "Value": cbor.String(x.Dims[name])})
		}
		list = append(list, cbor.Map{"Namespace": cbor.String(x.Namespace), "MetricName": cbor.String(x.Name), "Dimensions": dims})
	}
	out := cbor.Map{}
	if s.Page > 0 {
		at, _ := strconv.Atoi(text(in["NextToken"]))
		if at+s.Page < len(list) {
			out["NextToken"] = cbor.String(strconv.Itoa(at + s.Page))
		}
		list = list[min(at, len(list)):min(at+s.Page, len(list))]
	}
	out["Metrics"] = list
	return out
}

// hasAll reports whether dimensions agree with a filter, whose values may be left out.
func hasAll(dims map[string]string, filter cbor.Value) bool {
	list, _ := filter.(cbor.List)
	for _, v := range list {
		f, _ := v.(cbor.Map)
		have, ok := dims[text(f["Name"])]
		if want, given := f["Value"]; !ok || given && have != text(want) {
			return false
		}
	}
	return true
}
