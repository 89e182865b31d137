package main

import (
	"debug/elf"
	"fmt"
)

// runsAlone checks that a program is for the images' architecture, and static: the
// images hold no libraries.
func runsAlone(name, arch string) error {
	file, err := elf.Open(name)
	if err != nil {
		return fmt.Errorf("read program %s: %w", name, err)
	}
	defer file.Close()
	machine, ok := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}[arch]
	if !ok {
		return fmt.Errorf("there are no images for %s", arch)
	}
	if file.Machine != machine {
		return fmt.Errorf("program %s is for %v, not for %s", name, file.Machine, arch)
	}
	for _, part := range file.Progs {
		if part.Type == elf.PT_INTERP {
			return fmt.Errorf("program %s is not static", name)
		}
	}
	return nil
}
