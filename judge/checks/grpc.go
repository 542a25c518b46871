package checks

import "time"

// GRPC is a call to a gRPC server: of its health service, or of any unary method, whose
// types the server tells by reflection.
type GRPC struct {
	// Address is host:port or an http or https URL; a template. https means TLS.
	Address string `json:"address" yaml:"address"`
	// TLS asks for TLS, with a certificate that verifies.
	TLS bool `json:"tls,omitempty" yaml:"tls,omitempty"`
	// ServerName is what the server is asked for over TLS (default: the address's host).
	ServerName string `json:"serverName,omitempty" yaml:"serverName,omitempty"`
	// Service is whose health is asked for ("": the server's as a whole); a template.
	Service string `json:"service,omitempty" yaml:"service,omitempty"`
	// Status is the health that passes (default SERVING).
	Status string `json:"status,omitempty" yaml:"status,omitempty"`
	// Method is called in place of the health service: shop.Orders/Get.
	Method string `json:"method,omitempty" yaml:"method,omitempty"`
	// Request is the method's message as JSON; texts in it are templates.
	Request any `json:"request,omitempty" yaml:"request,omitempty"`
	// Code is how the call must end (default OK).
	Code string `json:"code,omitempty" yaml:"code,omitempty"`
	// Assert are the texts of [Assertion]s ([OfGRPC]) that must all hold for the answer.
	Assert []string `json:"assert,omitempty" yaml:"assert,omitempty"`
	// Metadata are sent with the call; values are templates.
	Metadata map[string]string `json:"metadata,omitempty" yaml:"metadata,omitempty"`
	// Within bounds the whole attempt. Zero means the runner's own limit.
	Within time.Duration `json:"within,omitempty" yaml:"within,omitempty"`
}
