package identity

import (
	"strings"

	"meridian/keyengine/kmsapi"
)

// check says what is wrong with a request, in AWS's words, and begins the session.
func (in *AssumeRole) check() (*Session, *kmsapi.Fault) {
	s := &Session{Name: in.SessionName, Policy: in.Policy, PolicyNames: in.PolicyARNs, Transitive: in.Transitive, SourceID: in.SourceID}
	switch {
	case len(in.RoleARN) < 20 || len(in.RoleARN) > 2048:
		return nil, invalid(in.RoleARN, "roleArn", "Member must have length between 20 and 2048")
	case len(in.SessionName) < 2 || !validName(in.SessionName, 64):
		return nil, invalid(in.SessionName, "roleSessionName", "Member must satisfy regular expression pattern: [\\w+=,.@-]* and have length between 2 and 64")
	case in.Seconds != 0 && (in.Seconds < 900 || in.Seconds > 12*hour):
		return nil, kmsapi.Errorf(ValidationError, "1 validation error detected: Value '%d' at 'durationSeconds' failed to satisfy constraint: Member must have value between 900 and 43200", in.Seconds)
	case in.SourceID != "" && (len(in.SourceID) < 2 || !validName(in.SourceID, 64) || strings.HasPrefix(in.SourceID, "aws:")):
		return nil, invalid(in.SourceID, "sourceIdentity", "Member must satisfy regular expression pattern: [\\w+=,.@-]* and have length between 2 and 64")
	case in.ExternalID != "" && (len(in.ExternalID) < 2 || len(in.ExternalID) > 1224):
		return nil, invalid(in.ExternalID, "externalId", "Member must have length between 2 and 1224")
	case len(in.PolicyARNs) > maxSessionPolicies:
		return nil, kmsapi.Errorf(ValidationError, "1 validation error detected: Value at 'policyArns' failed to satisfy constraint: Member must have length less than or equal to 10")
	case len(in.Tags) > maxTags:
		return nil, kmsapi.Errorf(ValidationError, "1 validation error detected: Value at 'tags' failed to satisfy constraint: Member must have length less than or equal to %d", maxTags)
	}
	if in.Policy != "" {
		if visible(in.Policy) > sessionPolicy.most {
			return nil, kmsapi.Errorf(PackedPolicyTooLarge, "The session policy is longer than %d characters.", sessionPolicy.most)
		}
		if _, err := sessionPolicy.read(in.Policy); err != nil {
			return nil, kmsapi.Errorf(MalformedPolicyDocument, "The session policy is refused: %v", err)
		}
	}
	tags, folded := map[string]string{}, map[string]bool{}
	for _, t := range in.Tags {
		if err := checkTag(t.Key, t.Value, folded); err != nil {
			return nil, kmsapi.Errorf(ValidationError, "Session tags: %v", err)
		}
		tags[t.Key] = t.Value
	}
	for _, key := range in.Transitive {
		if _, ok := tags[key]; !ok {
			return nil, kmsapi.Errorf(ValidationError, "The specified transitive tag key must be included in the requested tags: %.128s", key)
		}
	}
	s.Tags = sortedTags(tags)
	return s, nil
}

func invalid(value, member, constraint string) *kmsapi.Fault {
	return kmsapi.Errorf(ValidationError, "1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: %s", shorten(value), member, constraint)
}
