package lessons

import (
	"encoding/json"
	"reflect"
	"time"
)

// Schema returns the JSON schema of the YAML in lesson files, made from the
// types that the parser fills: the front matter, and under $defs the step block
// and the quiz block.
func Schema() ([]byte, error) {
	schema := describe(reflect.TypeFor[Lesson]())
	schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	schema["title"] = "Front matter of a lesson"
	schema["required"] = []string{"id", "title", "minutes"}
	schema["$defs"] = map[string]any{
		"step": describe(reflect.TypeFor[Step]()),
		"quiz": describe(reflect.TypeFor[[]Question]()),
	}
	return json.MarshalIndent(schema, "", "  ")
}

func describe(t reflect.Type) map[string]any {
	switch t {
	case reflect.TypeFor[Expr]():
		return map[string]any{"type": "string", "description": "a CEL expression"}
	case reflect.TypeFor[Text]():
		return map[string]any{"type": "string", "description": "a sentence, with CEL expressions in {{ }}"}
	case reflect.TypeFor[time.Duration]():
		return map[string]any{"type": "string", "pattern": `^([0-9.]+(ms|s|m|h))+$`}
	case reflect.TypeFor[[]Let]():
		return map[string]any{"type": "object", "additionalProperties": map[string]any{"type": "string"}}
	case reflect.TypeFor[[]Variable]():
		text := map[string]any{"type": []string{"string", "number"}}
		fields := map[string]any{"type": "object", "additionalProperties": text}
		values := map[string]any{"type": "array", "minItems": 2, "items": map[string]any{"anyOf": []any{text, fields}}}
		return map[string]any{"type": "object", "additionalProperties": values}
	case reflect.TypeFor[Mode]():
		return map[string]any{"enum": []Mode{Level, Edge, Invariant}}
	case reflect.TypeFor[Clock]():
		return map[string]any{"enum": []Clock{Fast, Normal}}
	case reflect.TypeFor[Kind]():
		return map[string]any{"enum": []Kind{Guided, Puzzle, Exam, Sandbox}}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return describe(t.Elem())
	case reflect.Slice:
		return map[string]any{"type": "array", "items": describe(t.Elem())}
	case reflect.Struct:
		return describeStruct(t)
	case reflect.Int:
		return map[string]any{"type": "integer"}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	}
	return map[string]any{"type": "string"}
}

func describeStruct(t reflect.Type) map[string]any {
	properties := map[string]any{}
	for i := range t.NumField() {
		tag := t.Field(i).Tag.Get("yaml")
		if tag != "" && tag != "-" {
			properties[tag] = describe(t.Field(i).Type)
		}
	}
	return map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
}
