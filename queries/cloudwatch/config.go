package cloudwatch

import (
	"errors"
	"net/url"
	"regexp"
	"time"
)

// Config configures a [Source]. The credentials are those that the SDK finds (the
// environment, the role of the task or the node): none are written here.
type Config struct {
	Name string `yaml:"-"` // the source's name in plans
	// Region is asked, such as eu-west-1.
	Region string `yaml:"region"`
	// URL is asked in place of the region's endpoint: a VPC endpoint, mostly.
	URL string `yaml:"url"`
	// Timeout bounds one call (default 30 s).
	Timeout time.Duration `yaml:"timeout"`

	// Pause is how long a question waits for others to join its call (default 20 ms).
	Pause time.Duration `yaml:"-"`
	// Now is time.Now, but in tests.
	Now func() time.Time `yaml:"-"`
}

// Check returns everything that is wrong, by the field's name.
func (c Config) Check() map[string]error {
	out := map[string]error{}
	if !regexp.MustCompile(`^[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}$`).MatchString(c.Region) {
		out["region"] = errors.New("is no region; write for example eu-west-1")
	}
	if c.URL != "" {
		u, err := url.Parse(c.URL)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" {
			out["url"] = errors.New("is no URL of an endpoint; write for example https://vpce-1.monitoring.eu-west-1.vpce.amazonaws.com")
		}
	}
	if c.Timeout < 0 {
		out["timeout"] = errors.New("cannot be negative")
	}
	return out
}
