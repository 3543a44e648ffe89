// Package strictyaml reads YAML files that people write by hand, member by member.
//
// It promises that a file is either what its form says or is refused as a whole, with each defect and its line:
// a member that the form does not have (and which one may have been meant), one that is there twice, a list that
// is too long, a value of the wrong kind. Input may come from anywhere: it is bounded, and aliases are not
// followed in circles. What a defect says repeats names, never values: values may be secret.
//
// It does not know what members mean, and starts no goroutine.
//
//	r := new(strictyaml.Reader)
//	root, err := r.Open(text, 1<<20)
//	r.Fields(root, "the file", strictyaml.Members{"name": r.Text(&name)})
//	err = r.Err()
package strictyaml
