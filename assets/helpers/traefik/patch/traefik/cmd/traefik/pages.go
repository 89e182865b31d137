package main

import "kubarium/assets/helpers/pages"

// There is no other way into a program whose main is upstream's.
func init() { pages.Settle() }
