package grpccheck

import (
	"context"
	"errors"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/serin-canary/serin/judge/checks"
)

// Bounds on what a server may tell of itself.
const (
	maxReflection = 1 << 20 // bytes of all files
	maxFiles      = 500
	maxParts      = 50_000 // messages, fields, enums and their values
)

// Both versions of reflection say the same in the same bytes.
const (
	reflectionV1    = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
	reflectionAlpha = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
)

// types are what a server tells of a service.
type types struct {
	files *protoregistry.Files
	known *dynamicpb.Types
}

var errTooMuch = errors.New("it tells more than 1 MiB or 50,000 parts of its types, and no more is read")

// describe asks a server for the types of a service.
func (p probe) describe(ctx context.Context, conn *grpc.ClientConn, service string) (types, *checks.Attempt) {
	ctx, answered := noting(ctx)
	set, err := ask(ctx, conn, reflectionV1, service)
	if status.Code(err) == codes.Unimplemented && answered.Load() {
		set, err = ask(ctx, conn, reflectionAlpha, service)
	}
	var told *told
	switch code := status.Code(err); {
	case err == nil:
	case errors.As(err, &told) && told.code == codes.NotFound:
		return types{}, pointer(checks.Failing("has no service %s, as it says by reflection", service))
	case code == codes.Unimplemented:
		return types{}, pointer(checks.Failing("has no reflection, by which the types of a method are known; register it (grpc.reflection.v1), or check its health"))
	case errors.As(err, &told) || errors.Is(err, errTooMuch) || answered.Load():
		return types{}, pointer(checks.Failing("did not tell the types of %s by reflection: %s", service, p.excerpt(err)))
	default:
		return types{}, pointer(p.unanswered(ctx, err))
	}
	files, err := protodesc.NewFiles(set)
	if err != nil {
		return types{}, pointer(checks.Failing("tells types by reflection that do not fit together: %s", checks.Cause(err)))
	}
	return types{files, dynamicpb.NewTypes(files)}, nil
}

// told is an error that a server told within a stream of reflection.
type told struct {
	code codes.Code
	text string
}

// Error returns what the server said.
func (t *told) Error() string { return t.text }

// asking is one stream of reflection.
type asking struct {
	stream grpc.ClientStream
	bytes  int
	parts  int
	files  map[string]*descriptorpb.FileDescriptorProto
}

// ask returns the file of a service and all that it imports.
func ask(ctx context.Context, conn *grpc.ClientConn, method, service string) (*descriptorpb.FileDescriptorSet, error) {
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, method, grpc.MaxCallRecvMsgSize(maxReflection))
	if err != nil {
		return nil, err
	}
	a := asking{stream: stream, files: map[string]*descriptorpb.FileDescriptorProto{}}
	missing, err := a.question(&reflectionpb.ServerReflectionRequest{
		MessageRequest: &reflectionpb.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: service},
	})
	for err == nil && len(missing) > 0 {
		name := missing[0]
		missing = missing[1:]
		if a.files[name] != nil {
			continue
		}
		var more []string
		more, err = a.question(&reflectionpb.ServerReflectionRequest{
			MessageRequest: &reflectionpb.ServerReflectionRequest_FileByFilename{FileByFilename: name},
		})
		if err == nil && a.files[name] == nil {
			err = &told{codes.Internal, "it was asked for one file and told another"}
		}
		missing = append(missing, more...)
	}
	if err != nil {
		return nil, err
	}
	set := &descriptorpb.FileDescriptorSet{}
	for _, f := range a.files {
		set.File = append(set.File, f)
	}
	return set, stream.CloseSend()
}

// question asks one question, keeps the files that are told, and returns what they import.
func (a *asking) question(req *reflectionpb.ServerReflectionRequest) ([]string, error) {
	if err := a.stream.SendMsg(req); err != nil {
		// Why it ended is told by the next receive.
		if err := a.stream.RecvMsg(&reflectionpb.ServerReflectionResponse{}); err != nil {
			return nil, err
		}
		return nil, err
	}
	var resp reflectionpb.ServerReflectionResponse
	if err := a.stream.RecvMsg(&resp); err != nil {
		return nil, err
	}
	if e := resp.GetErrorResponse(); e != nil {
		return nil, &told{codes.Code(uint32(e.GetErrorCode())), e.GetErrorMessage()}
	}
	raw := resp.GetFileDescriptorResponse().GetFileDescriptorProto()
	if len(raw) == 0 {
		return nil, &told{codes.Internal, "it told no file"}
	}
	var imports []string
	for _, b := range raw {
		f, err := a.file(b)
		if err != nil {
			return nil, err
		}
		imports = append(imports, f.GetDependency()...)
	}
	return imports, nil
}

// file reads and keeps one file.
func (a *asking) file(b []byte) (*descriptorpb.FileDescriptorProto, error) {
	if a.bytes += len(b); a.bytes > maxReflection {
		return nil, errTooMuch
	}
	f := &descriptorpb.FileDescriptorProto{}
	if err := proto.Unmarshal(b, f); err != nil {
		return nil, &told{codes.Internal, "one of its files is no descriptor"}
	}
	a.parts += partsOf(f.GetMessageType()) + enumParts(f.GetEnumType()) + len(f.GetExtension())
	a.files[f.GetName()] = f
	if len(a.files) > maxFiles || a.parts > maxParts {
		return nil, errTooMuch
	}
	return f, nil
}

func partsOf(messages []*descriptorpb.DescriptorProto) int {
	n := len(messages)
	for _, m := range messages {
		n += len(m.GetField()) + len(m.GetExtension()) + enumParts(m.GetEnumType()) + partsOf(m.GetNestedType())
	}
	return n
}

func enumParts(enums []*descriptorpb.EnumDescriptorProto) int {
	n := len(enums)
	for _, e := range enums {
		n += len(e.GetValue())
	}
	return n
}
