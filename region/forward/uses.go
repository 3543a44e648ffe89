package forward

import (
	"fmt"

	"meridian/keyengine"
	"meridian/keyengine/canonical"
)

// maxUsesBytes bounds a report of uses. A use has less than 200 bytes.
const maxUsesBytes = keyengine.MaxUses * 256

func writeUses(uses []keyengine.Use) []byte { return canonical.Marshal(uses) }

// readUses reads a report. What the uses say is checked by who records them.
func readUses(body []byte) ([]keyengine.Use, error) {
	var uses []keyengine.Use
	if err := canonical.Unmarshal(body, &uses); err != nil {
		return nil, fmt.Errorf("uses of keys: %w", err)
	}
	if len(uses) > keyengine.MaxUses {
		return nil, fmt.Errorf("uses of keys: %d are more than %d", len(uses), keyengine.MaxUses)
	}
	return uses, nil
}
