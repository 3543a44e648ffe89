// Command kmsgen generates package kmsapi from the service model.
//
// Its only input is model.json in the package's folder, a copy of AWS's published model of KMS
// without the documentation. The same model always gives the same bytes, and every file names the
// SHA-256 of the model it came from. Run it with go generate in keyengine/kmsapi:
//
//	kmsgen                                      generate from ./model.json
//	kmsgen -import MODEL -paginators FILE       first renew ./model.json from AWS's files
//
// It starts no goroutines and touches no file outside -dir.
package main

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// modelFile is the copy of the service model beside the generated files.
const modelFile = "model.json"

func main() {
	dir := flag.String("dir", ".", "folder of package kmsapi")
	source := flag.String("import", "", "renew model.json from this service-2 model first")
	paginators := flag.String("paginators", "", "the paginators that belong to -import")
	flag.Parse()
	if err := run(*dir, *source, *paginators); err != nil {
		fmt.Fprintln(os.Stderr, "kmsgen:", err)
		os.Exit(1)
	}
}

func run(dir, source, paginators string) error {
	path := filepath.Join(dir, modelFile)
	if source != "" {
		stripped, err := importModel(source, paginators)
		if err != nil {
			return fmt.Errorf("import %s: %w", source, err)
		}
		if err := os.WriteFile(path, stripped, 0o644); err != nil {
			return err
		}
	}
	input, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	files, err := generate(input)
	if err != nil {
		return fmt.Errorf("generate from %s: %w", path, err)
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := os.WriteFile(filepath.Join(dir, name), files[name], 0o644); err != nil {
			return err
		}
	}
	return nil
}
