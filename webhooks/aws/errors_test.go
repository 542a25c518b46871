package aws

import (
	"strings"
	"testing"

	"github.com/aws/smithy-go"
)

// TestSignaturesAreNotRepeated holds that what a service says of a wrong signature,
// which repeats what was signed, is in no error.
func TestSignaturesAreNotRepeated(t *testing.T) {
	const said = "The request signature we calculated does not match. The Canonical String should have been 'POST / host:ecs x-amz-security-token:IQoJb3JpZ2luX2Vj' Credential=AKIDEXAMPLE"
	for _, code := range []string{"InvalidSignatureException", "SignatureDoesNotMatch", "IncompleteSignatureException", "MissingAuthenticationTokenException"} {
		err := meaning{call: "ecs:ContinueServiceDeployment"}.of(&smithy.GenericAPIError{Code: code, Message: said})
		if text := err.Error(); strings.Contains(text, "IQoJ") || strings.Contains(text, "AKID") || !strings.Contains(text, code) || !strings.Contains(text, "clock") {
			t.Errorf("got %q, want the code and what to do, and nothing that was signed", text)
		}
	}
	if err := (meaning{call: "x"}).of(&smithy.GenericAPIError{Code: "ClientException", Message: "no such hook"}); !strings.Contains(err.Error(), "no such hook") {
		t.Errorf("got %q, want the service's words", err)
	}
}
