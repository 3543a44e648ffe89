package scenario_test

import (
	"errors"
	"strings"
	"testing"

	"meridian/cluster/scenario"
)

// TestUnknownWordsAreRefused: with the line, and what may be meant.
func TestUnknownWordsAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		"title t\nparttion us-east-1 eu-west-1":                        `line 2: unknown word "parttion"; did you mean "partition"?`,
		"title t\nin us-east-1 CreatKey":                               `unknown operation "CreatKey"; did you mean "CreateKey"?`,
		"title t\nin us-east-1 CreateKey Multiregion=true":             `unknown field of CreateKey "Multiregion"; did you mean "MultiRegion"?`,
		"title t\nin us-eats-1 CreateKey":                              `unknown Region "us-eats-1"; did you mean "us-east-1"?`,
		"title t\nin us-east-1/2 CreateKey":                            `us-east-1 has nodes 1 to 1 and a leader, no "2"`,
		"title t\nin us-east-1 CreateKey more":                         `"more" is none of`,
		made + "in us-east-1 DescribeKey KeyId=$key":                   `unknown variable "$key"; did you mean "$k"?`,
		made + "expect error NotFundException":                         `did you mean "NotFoundException"?`,
		made + "expect KeyState Enabled":                               `write: expect PATH = VALUE`,
		made + "check us-east-1 $k is Enable":                          `unknown state "Enable"; did you mean "Enabled"?`,
		made + "check us-east-1 $k is Enabled PRIMRY":                  `did you mean "PRIMARY"?`,
		made + "check us-east-1 $k":                                    `is no condition`,
		made + "wait eu-west-1 $k is Enabled":                          `write: wait until CONDITION`,
		made + "wait until converged within soon":                      `"soon" is no time`,
		made + "clock advance -3d":                                     `"-3d" is no time`,
		made + "drop us-east-1 eu-west-1 2":                            `"2" is no probability`,
		made + "partition us-east-1":                                   `write: partition A B`,
		made + "repeat 0\nend":                                         `"0" is no number`,
		made + "repeat 2\ncheck converged":                             `line 4: "repeat 2" has no end`,
		made + "end":                                                   `end of nothing`,
		made + "title again":                                           `title comes before the first step`,
		made + "check us-east-1 answers\nexpect unavailable":           `expect belongs to a call`,
		made + "save k = KeyMetadata.KeyId":                            `write: save $name`,
		made + "in us-east-1 CreateKey Description=\"open":             `a quote or a bracket is not closed`,
		made + "lose an answer":                                        `is not "the next answer"`,
		made + "import $k in us-east-1":                                `write: import $key in REGION material NAME`,
		made + "lag azure-like":                                        `unknown lag profile "azure-like"; known are instant`,
		made + "lag speed 3s":                                          `unknown class "speed"; known are all, appearance`,
		made + "lag status -3s":                                        `"-3s" is no time`,
		made + "lag status 8d":                                         `192h0m0s is longer than 168h0m0s`,
		made + "lag status 3s us-east-1":                               `write: lag aws-like`,
		made + "lag status 3s us-east-1 => eu-west-1":                  `write: lag aws-like`,
		made + "lag status 3s us-east-1 -> mars":                       `unknown Region "mars"`,
		made + "sync stop":                                             `write: sync pause [REGION]`,
		made + "sync pause us-east-1/1":                                `unknown Region "us-east-1/1"`,
		made + "fence eu-west-1 with force":                            `is neither "by force" nor "is refused"`,
		made + "force-promote k in eu-west-1":                          `"k" is no variable`,
		made + "force-promote $k":                                      `write: force-promote $key in REGION`,
		made + "check losing us-east-1 costs much of $k":               `unknown loss "much"`,
		made + "check losing us-east-1":                                `write: losing REGION costs`,
		made + "check eu-west-1 is behind us-east-1 in $c":             `unknown variable "$c"`,
		made + "meanwhile decrypt in us-east-1":                        `write: meanwhile decrypt`,
		"title t":                                                      `there is no step`,
		"in us-east-1 CreateKey":                                       `there is no title`,
		"title t\nnodes 9\nin us-east-1 CreateKey":                     `no number of nodes`,
		"title t\nnot in heaven: no\nin us-east-1 CreateKey":           `write: not in sim|inprocess|cluster`,
		"title t\n" + strings.Repeat("in us-east-1 CreateKey\n", 501):  `more than 500 steps`,
		strings.Repeat("#", 65<<10):                                    `more than 65536`,
		"title t\nin us-east-1 CreateKey " + strings.Repeat("x", 5000): `more than 4096`,
	} {
		_, err := scenario.Parse("story.txt", text)
		if err == nil || !errors.Is(err, scenario.ErrSyntax) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q\n got  %v\n want %s", text, err, want)
		}
	}
}

// TestFind: a name that is nearly one of the library's leads to it.
func TestFind(t *testing.T) {
	if _, err := scenario.Find("replica-stuck-in-creatin"); err == nil || !strings.Contains(err.Error(), `"replica-stuck-in-creating"?`) {
		t.Error(err)
	}
	if _, err := scenario.Find("broker-wiped"); err != nil {
		t.Error(err)
	}
}

// FuzzParse: no text breaks the parser, and what it takes has a title, steps, and a line for each need.
func FuzzParse(f *testing.F) {
	all, err := scenario.Library()
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range all {
		f.Add(s.Text)
	}
	f.Add("title t\nrepeat 2\nmeanwhile decrypt $c in us-east-1\nend\nend")
	f.Add("title t\nin us-east-1 CreateKey Tags=[{\"TagKey\":\"a\",\"TagValue\":\"$k\"}] as 111122223333 with eventual")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := scenario.Parse("fuzz.txt", text)
		switch {
		case err != nil && !errors.Is(err, scenario.ErrSyntax):
			t.Errorf("error %v is no error of syntax", err)
		case err == nil && (s.Title == "" || s.Text != text || len(s.Regions) == 0):
			t.Errorf("accepted: %+v", s)
		}
		if err == nil {
			s.Needs()
		}
	})
}
