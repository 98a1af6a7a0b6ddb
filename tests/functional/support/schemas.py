"""A corpus of JSON schemas: what people send, and what is hard. Each can be answered in a few hundred tokens."""


def text(**more):
    return {"type": "string", "maxLength": 12, **more}


def whole(low=0, high=99, **more):
    return {"type": "integer", "minimum": low, "maximum": high, **more}


def obj(properties, required=None, **more):
    return {"type": "object", "properties": properties, "required": list(properties) if required is None else required,
            "additionalProperties": False, **more}


def arr(items, low=1, high=3, **more):
    return {"type": "array", "items": items, "minItems": low, "maxItems": high, **more}


BOOL, NULL = {"type": "boolean"}, {"type": "null"}
ADDRESS = obj({"street": text(), "city": text(), "zip": {"type": "string", "pattern": "^[0-9]{5}$"}})
PYDANTIC = {
    "$defs": {"Pet": {"properties": {"name": {**text(), "title": "Name"}, "age": {**whole(), "title": "Age"}}, "required": ["name", "age"],
                      "title": "Pet", "type": "object"}},
    "properties": {"owner": {**text(), "title": "Owner"}, "pets": {"items": {"$ref": "#/$defs/Pet"}, "title": "Pets", "type": "array", "maxItems": 2}},
    "required": ["owner", "pets"], "title": "Household", "type": "object"}
TREE = {"$defs": {"node": obj({"value": whole(0, 9), "children": {"type": "array", "items": {"$ref": "#/$defs/leaf"}, "maxItems": 2}}),
                  "leaf": obj({"value": whole(0, 9)})}, "$ref": "#/$defs/node"}
LINKED = {"$defs": {"link": {"anyOf": [NULL, obj({"id": whole(0, 9), "next": {"$ref": "#/$defs/link"}})]}},
          **obj({"head": {"$ref": "#/$defs/link"}})}

SCHEMAS = {
    # Values alone
    "boolean": BOOL, "null": NULL, "integer": whole(), "short text": text(), "empty text": text(maxLength=0), "text of one length": text(minLength=3, maxLength=3),
    "text with a least length": text(minLength=2), "negative": whole(-50, -1), "around zero": whole(-5, 5), "one number": whole(7, 7),
    "large numbers": whole(10**9, 10**9 + 50), "far apart": whole(-10**6, 10**6), "exclusive": {"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 10},
    "fraction as a bound": {"type": "integer", "minimum": 0.5, "maximum": 3.5}, "multiple": whole(0, 100, multipleOf=5),
    "number between": {"type": "number", "minimum": 0, "maximum": 1}, "negative number": {"type": "number", "minimum": -2.5, "maximum": -1.5},
    "number above zero": {"type": "number", "exclusiveMinimum": 0, "maximum": 10},
    # Lists of values
    "enum of texts": {"type": "string", "enum": ["red", "green", "blue"]}, "enum of one": {"enum": ["only"]}, "enum of kinds": {"enum": [1, "one", None, True, 1.5]},
    "enum of objects": {"enum": [{"a": 1}, {"a": [1, 2]}]}, "enum with quotes": {"enum": ['say "hi"', "back\\slash", "tab\there"]},
    "enum in other scripts": {"enum": ["größer", "大きい", "🙂", "naïve"]}, "enum of prefixes": {"enum": ["a", "aa", "aaa", "ab"]},
    "const text": {"const": "fixed"}, "const number": {"const": 42}, "const null": {"const": None}, "const array": {"const": [1, "a", None]},
    "const object": {"const": {"k": {"n": [1]}}}, "enum cut by its type": {"type": "integer", "enum": [1, "x", 2]},
    "enum cut by a bound": {"enum": [1, 2, 30], "maximum": 9}, "const in an enum": {"enum": ["a", "b"], "const": "b"},
    # Types
    "two types": {"type": ["boolean", "null"]}, "three types": {"type": ["boolean", "null", "integer"], "minimum": 0, "maximum": 9},
    "integer or number": {"type": ["integer", "number"], "minimum": 0, "maximum": 1}, "nullable text": {"type": ["string", "null"], "maxLength": 4},
    # Patterns and formats
    "pattern of digits": {"type": "string", "pattern": "^[0-9]{3}-[0-9]{4}$"}, "pattern of words": {"type": "string", "pattern": "^(yes|no|maybe)$"},
    "pattern of classes": {"type": "string", "pattern": "^[A-Z][a-z]{2,5}$"}, "pattern with escapes": {"type": "string", "pattern": "^\\d{2}\\.\\d{2}$"},
    "pattern of an optional part": {"type": "string", "pattern": "^a(bc)?d$"}, "hex colour": {"type": "string", "pattern": "^#[0-9a-f]{6}$"},
    "date": {"type": "string", "format": "date"}, "time": {"type": "string", "format": "time"}, "date-time": {"type": "string", "format": "date-time"},
    "ipv4": {"type": "string", "format": "ipv4"}, "uuid": {"type": "string", "format": "uuid"}, "a format nobody knows": text(format="mood"),
    # Arrays
    "array of booleans": arr(BOOL), "array of two": arr(whole(), 2, 2), "empty array": arr(BOOL, 0, 0), "maybe empty array": arr(BOOL, 0, 2),
    "array of arrays": arr(arr(whole(0, 9), 1, 2), 1, 2), "array of objects": arr(obj({"x": whole(), "y": whole()}), 1, 2), "matrix": arr(arr(whole(0, 9), 3, 3), 3, 3),
    "tuple": {"type": "array", "prefixItems": [whole(), BOOL, text()], "items": False, "minItems": 3}, "open tuple": {"type": "array", "prefixItems": [BOOL], "items": NULL, "minItems": 1, "maxItems": 3},
    "array of enums": arr({"enum": ["a", "b"]}), "array of kinds": arr({"anyOf": [BOOL, NULL]}), "array without a type": {"items": BOOL, "maxItems": 2},
    # Objects
    "empty object": {"type": "object", "maxProperties": 0}, "one property": obj({"a": BOOL}), "two properties": obj({"a": BOOL, "b": whole()}),
    "an optional property": obj({"a": BOOL, "b": whole()}, ["a"]), "all optional": obj({"a": BOOL, "b": NULL, "c": whole(0, 9)}, []),
    "first optional": obj({"a": BOOL, "b": NULL}, ["b"]), "nested": obj({"a": obj({"b": obj({"c": BOOL})})}), "no type said": {"properties": {"a": BOOL}, "required": ["a"]},
    "names with spaces": obj({"first name": text(), "größe": whole(), "a\"b": BOOL}), "a required name that is not listed": {"type": "object", "properties": {"a": BOOL}, "required": ["a", "b"], "additionalProperties": NULL, "maxProperties": 2},
    "map of numbers": {"type": "object", "additionalProperties": whole(0, 9), "minProperties": 1, "maxProperties": 2, "propertyNames": {"pattern": "^[a-c]{1,2}$"}},
    "pattern properties": {"type": "object", "patternProperties": {"^x[0-9]$": BOOL}, "additionalProperties": False, "maxProperties": 2},
    "many properties": obj({f"field_{n}": BOOL for n in range(12)}), "many optional": obj({f"f{n}": NULL for n in range(8)}, []),
    "forbidden property": {"type": "object", "properties": {"a": False, "b": BOOL}, "required": ["b"]}, "unevaluated": {"type": "object", "properties": {"a": BOOL}, "unevaluatedProperties": False},
    # Combinations
    "any of types": {"anyOf": [BOOL, whole(), NULL]}, "one of types": {"oneOf": [BOOL, whole()]}, "any of objects": {"anyOf": [obj({"a": BOOL}), obj({"b": NULL})]},
    "by a kind": {"oneOf": [obj({"kind": {"const": "circle"}, "radius": whole()}), obj({"kind": {"const": "square"}, "side": whole()})]},
    "any beside a type": {"type": "integer", "anyOf": [{"minimum": 0, "maximum": 3}, {"minimum": 90, "maximum": 99}]},
    "any beside properties": {**obj({"kind": {"type": "string"}}), "anyOf": [{"properties": {"kind": {"const": "a"}}}, {"properties": {"kind": {"const": "b"}}}]},
    "all of one": {"allOf": [whole()]}, "all of bounds": {"allOf": [{"type": "integer"}, {"minimum": 3}, {"maximum": 9}]},
    "all of objects": {"allOf": [{"type": "object", "properties": {"a": BOOL}, "required": ["a"]}, {"type": "object", "properties": {"b": NULL}, "required": ["b"]}]},
    "all of one property": {"allOf": [{"properties": {"a": {"type": "integer", "minimum": 0}}, "required": ["a"]}, {"properties": {"a": {"maximum": 9}}}]},
    "all of references": {"$defs": {"a": {"properties": {"x": BOOL}, "required": ["x"]}, "b": {"properties": {"y": BOOL}, "required": ["y"]}},
                          "type": "object", "allOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/b"}]},
    "any in any": {"anyOf": [{"anyOf": [BOOL, NULL]}, {"anyOf": [whole(0, 9)]}]}, "any inside all": {"allOf": [{"anyOf": [BOOL, whole()]}, {"anyOf": [whole(), NULL]}]},
    # References
    "reference": {"$defs": {"n": whole()}, "$ref": "#/$defs/n"}, "old definitions": {"definitions": {"n": whole()}, **obj({"a": {"$ref": "#/definitions/n"}})},
    "reference twice": {"$defs": {"n": whole()}, **obj({"a": {"$ref": "#/$defs/n"}, "b": {"$ref": "#/$defs/n"}})}, "reference with more": {"$defs": {"n": {"type": "integer", "maximum": 9}}, **obj({"a": {"$ref": "#/$defs/n", "minimum": 0}})},
    "reference by a hard name": {"$defs": {"a/b~c": BOOL}, **obj({"a": {"$ref": "#/$defs/a~1b~0c"}})}, "reference into a place": {**obj({"a": whole(), "b": {"$ref": "#/properties/a"}})},
    "reference of a reference": {"$defs": {"a": {"allOf": [{"$ref": "#/$defs/b"}]}, "b": BOOL}, **obj({"x": {"$ref": "#/$defs/a"}})}, "pydantic": PYDANTIC, "tree": TREE, "linked list": LINKED,
    # As people send them
    "weather": obj({"city": text(), "unit": {"type": "string", "enum": ["c", "f"]}, "days": whole(1, 7)}), "person": obj({"name": text(), "age": whole(0, 120), "email": {"anyOf": [{"type": "string", "pattern": "^[a-z]{1,5}@x\\.org$"}, NULL]}}),
    "address book": obj({"people": arr(obj({"name": text(), "home": ADDRESS}), 1, 1)}), "sentiment": obj({"label": {"enum": ["positive", "negative", "neutral"]}, "score": {"type": "number", "minimum": 0, "maximum": 1}}),
    "steps": obj({"steps": arr(obj({"explanation": text(), "output": text()}), 1, 2), "final_answer": text()}), "event": obj({"name": text(), "date": {"type": "string", "format": "date"}, "participants": arr(text(), 0, 2)}),
    "invoice": obj({"number": {"type": "string", "pattern": "^INV-[0-9]{4}$"}, "lines": arr(obj({"item": text(), "count": whole(1, 9), "price": {"type": "number", "minimum": 0, "maximum": 999}}), 1, 2), "paid": BOOL}),
    "settings": obj({"theme": {"enum": ["dark", "light"]}, "size": {"type": ["integer", "null"], "minimum": 8, "maximum": 32}, "flags": obj({"beta": BOOL, "telemetry": BOOL}, [])}),
    "titles and notes": {"title": "T", "description": "D", "$schema": "https://json-schema.org/draft/2020-12/schema", "default": True, "examples": [False], **BOOL}, "anything in an array": arr({"enum": [1]}, 1, 2, description="x"),
    "tagged": obj({"id": whole(), "tags": arr({"enum": ["x", "y", "z"]}, 0, 3)}),
}
