package hostile

import (
	"encoding/binary"
	"io"
	"net"
	"strings"
)

// The types of HTTP/2's frames and their flags (RFC 9113 §6).
const (
	frameData, frameHeaders, frameReset, frameSettings, framePing, frameGoAway, frameMore = 0, 1, 3, 4, 6, 7, 9

	endStream, endHeaders = 1, 4
)

// frame writes one frame.
func frame(kind, flags byte, stream uint32, payload string) string {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(payload))<<8|uint32(kind))
	b = append(b, flags)
	b = binary.BigEndian.AppendUint32(b, stream)
	return string(b) + payload
}

// field writes a header that is not indexed (RFC 7541 §6.2.2). Both are below 127 bytes.
func field(name, value string) string {
	return "\x00" + string([]byte{byte(len(name))}) + name + string([]byte{byte(len(value))}) + value
}

// HTTP2 returns servers that begin as HTTP/2 has it, and then misbehave in the first
// stream, as gRPC opens it.
func HTTP2() []Server {
	begin := frame(frameSettings, 0, 0, "")
	ok := "\x88" + field("content-type", "application/grpc")
	message := func(text string) string {
		return frame(frameHeaders, endHeaders, 1, ok) + frame(frameData, 0, 1, text)
	}
	status := func(value string) string {
		return frame(frameHeaders, endHeaders|endStream, 1, ok+field("grpc-status", value))
	}
	table := "\x40\x01x\x7f\x81\x1e" + strings.Repeat("a", 4000) // an entry of the dynamic table: 127+30·128+1 bytes
	all := []Server{
		{Name: "settings and silence", Serve: answering(""), Waits: true},
		{Name: "endless settings", Serve: flooding(frame(frameSettings, 0, 0, "")), Waits: true},
		{Name: "endless pings", Serve: flooding(frame(framePing, 0, 0, "12345678")), Waits: true},
		{Name: "goes away", Serve: answering(frame(frameGoAway, 0, 0, "\x00\x00\x00\x00\x00\x00\x00\x00")), Waits: true},
		{Name: "resets the stream", Serve: answering(frame(frameReset, 0, 1, "\x00\x00\x00\x08")), Waits: true},
		{Name: "data of no stream", Serve: answering(frame(frameData, 0, 0, "x")), Waits: true},
		{Name: "a frame of 16 MiB", Serve: func(c net.Conn) {
			answeringOnce(c, "\xff\xff\xff\x00\x00\x00\x00\x00\x01")
			again(c, strings.Repeat("a", 4096))
		}},
		{Name: "headers that are none", Serve: answering(frame(frameHeaders, endHeaders, 1, "\xff\xff\xff\xff\xff\xff")), Waits: true},
		{Name: "endless headers", Serve: func(c net.Conn) {
			answeringOnce(c, frame(frameHeaders, 0, 1, ok))
			again(c, frame(frameMore, 0, 1, field("x-a", strings.Repeat("a", 120))))
		}, Waits: true},
		{Name: "a header bomb", Serve: answering(frame(frameHeaders, endHeaders, 1, ok+table+strings.Repeat("\xbe", 10_000))), Waits: true},
		{Name: "a message of 4 GiB", Serve: answering(message("\x00\xff\xff\xff\xff")), Waits: true},
		{Name: "half a message", Serve: answering(message("\x00\x00\x00\x00\x09half")), Waits: true},
		{Name: "a message that is none", Serve: answering(message("\x00\x00\x00\x00\x04\xff\xff\xff\xff") + frame(frameHeaders, endHeaders|endStream, 1, field("grpc-status", "0"))), Waits: true},
		{Name: "a compressed message", Serve: answering(message("\x01\x00\x00\x00\x02\x1f\x8b") + frame(frameHeaders, endHeaders|endStream, 1, field("grpc-status", "0"))), Waits: true},
		{Name: "endless messages", Serve: func(c net.Conn) {
			answeringOnce(c, frame(frameHeaders, endHeaders, 1, ok))
			again(c, frame(frameData, 0, 1, "\x00\x00\x00\x00\x00"))
		}, Waits: true},
		{Name: "no message", Serve: answering(status("0")), Waits: true},
		{Name: "a status that is none", Serve: answering(status("abc")), Waits: true},
		{Name: "a status beyond all", Serve: answering(status("4294967295")), Waits: true},
		{Name: "no gRPC", Serve: answering(frame(frameHeaders, endHeaders|endStream, 1, "\x88"+field("content-type", "text/html"))), Waits: true},
	}
	for i := range all {
		do := all[i].Serve
		all[i].Serve = func(c net.Conn) {
			if _, err := io.WriteString(c, begin); err == nil {
				do(c)
			}
		}
	}
	return all
}

// answeringOnce waits for the client's first stream (its preface is longer than what
// comes before, and a stream's headers follow) and writes.
func answeringOnce(c net.Conn, text string) {
	buf := make([]byte, 4096)
	for seen := ""; !opened(seen); {
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		seen += string(buf[:n])
		if !strings.HasPrefix(seen, "PRI * HTTP/2.0") && len(seen) > 14 {
			break // it is no HTTP/2: there will be no stream
		}
	}
	_, _ = io.WriteString(c, text)
}

// opened reports whether a client's first frames hold headers.
func opened(seen string) bool {
	const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	rest, ok := strings.CutPrefix(seen, preface)
	for ok && len(rest) >= 9 {
		if rest[3] == frameHeaders {
			return true
		}
		n := 9 + int(rest[0])<<16 + int(rest[1])<<8 + int(rest[2])
		if len(rest) < n {
			return false
		}
		rest = rest[n:]
	}
	return false
}

// answering answers the first stream and waits.
func answering(text string) func(net.Conn) {
	return func(c net.Conn) {
		answeringOnce(c, text)
		gone(c)
	}
}

// flooding writes a frame again and again, and reads what comes.
func flooding(text string) func(net.Conn) {
	return func(c net.Conn) {
		go gone(c)
		again(c, strings.Repeat(text, 100))
	}
}
