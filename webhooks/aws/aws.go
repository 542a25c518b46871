// Package aws tells Serin's answers to Amazon's deployment services, with their own
// SDK: the result of a lifecycle hook to CodeDeploy, the release of a paused step to
// ECS, and the end of a deployment of CodeDeploy that must be rolled back.
//
// Nothing is repeated here: every call is one attempt of durable work, and the
// queue knows when the next one comes. So a call must be safe to make twice, and
// what says that it was made before counts as done.
//
// Credentials come from where the SDK looks for them (the environment, a file, the
// role of the task, the pod or the instance), and never leave it.
package aws

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"github.com/serin-canary/serin/judge/journal/outbox"
)

// Options are what a [Client] is made of.
type Options struct {
	// Regions are those in which calls may be made; at least one.
	Regions []string
	// Version is sent as part of the user agent.
	Version string
	Now     func() time.Time // default time.Now
}

// Client calls Amazon's services. It is safe for concurrent use.
type Client struct {
	regions    []string
	now        func() time.Time
	shared     awssdk.Config
	codedeploy *codedeploy.Client
	ecs        *ecs.Client
}

// regionName is the form of every region's name. It becomes part of a host's name,
// so nothing else may pass.
var regionName = regexp.MustCompile(`^[a-z]{2,4}(-[a-z]{2,12}){1,3}-[0-9]{1,2}$`)

// CheckRegion says what is wrong with the name of a region.
func CheckRegion(name string) error {
	if !regionName.MatchString(name) {
		return fmt.Errorf("%q is not a region; write one like eu-west-1", name)
	}
	return nil
}

// New returns a client. Nothing is asked of the network: credentials are looked for
// at the first call, and renewed by the SDK.
func New(ctx context.Context, o Options) (*Client, error) {
	if len(o.Regions) == 0 {
		return nil, fmt.Errorf("aws: no region; list at least one")
	}
	for _, r := range o.Regions {
		if err := CheckRegion(r); err != nil {
			return nil, fmt.Errorf("aws: %w", err)
		}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	version := o.Version
	if version == "" {
		version = "unknown"
	}
	c, err := config.LoadDefaultConfig(ctx,
		config.WithRegion(o.Regions[0]),
		config.WithRetryer(func() awssdk.Retryer { return awssdk.NopRetryer{} }),
		config.WithAppID("serin-"+appVersion.ReplaceAllString(version, "-")),
	)
	if err != nil {
		return nil, fmt.Errorf("aws: the configuration of the SDK cannot be read: %s", oneLine(err.Error()))
	}
	return &Client{
		regions: slices.Clone(o.Regions), now: o.Now, shared: c,
		codedeploy: codedeploy.NewFromConfig(c), ecs: ecs.NewFromConfig(c),
	}, nil
}

// appVersion matches what the SDK does not take in an application's ID.
var appVersion = regexp.MustCompile(`[^0-9A-Za-z.+_-]`)

// Credentials looks for credentials and returns where they were found. It says
// nothing of whether they allow anything.
func (c *Client) Credentials(ctx context.Context) (from string, err error) {
	if c.shared.Credentials == nil {
		return "", fmt.Errorf("the SDK found no place to look for credentials")
	}
	found, err := c.shared.Credentials.Retrieve(ctx)
	if err != nil {
		return "", fmt.Errorf("no credentials were found: %s", oneLine(err.Error()))
	}
	return found.Source, nil
}

// may refuses a region in which calls are not configured to be made.
func (c *Client) may(region string) error {
	if !slices.Contains(c.regions, region) {
		return fmt.Errorf("region %q is not among those configured (%s): %w", region, strings.Join(c.regions, ", "), outbox.ErrPermanent)
	}
	return nil
}

// inTime refuses a call that comes when nobody waits for it any more. A zero time is
// no bound.
func (c *Client) inTime(until time.Time) error {
	if until.IsZero() || c.now().Before(until) {
		return nil
	}
	return fmt.Errorf("nobody waits for it since %s, so nothing was sent: %w", until.UTC().Format(time.RFC3339), outbox.ErrPermanent)
}

// read reads what says whom to call. What is there and not known is refused, since
// another version may have meant something by it.
func read(text json.RawMessage, into any) error {
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("whom to tell cannot be read: %w: %w", err, outbox.ErrPermanent)
	}
	return nil
}

// oneLine brings a text of the SDK's into one line of at most 400 bytes.
func oneLine(text string) string {
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, "?")), " ")
	if len(text) > 400 {
		text = strings.ToValidUTF8(text[:400], "") + "…"
	}
	return text
}
