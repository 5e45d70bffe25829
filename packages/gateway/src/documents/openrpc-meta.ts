const text = { type: 'string' } as const
const schema = { type: ['object', 'boolean'] } as const
const reference = { type: 'object', required: ['$ref'], properties: { $ref: text }, additionalProperties: false } as const
const extensions = { '^x-': {} } as const
const orReference = (object: object) => ({ anyOf: [reference, object] })

const contentDescriptor = {
  type: 'object',
  required: ['name', 'schema'],
  properties: { name: text, description: text, summary: text, schema, required: { type: 'boolean' }, deprecated: { type: 'boolean' } },
  patternProperties: extensions,
  additionalProperties: false,
}
const tag = {
  type: 'object',
  required: ['name'],
  properties: { name: text, description: text, externalDocs: { type: 'object' } },
  patternProperties: extensions,
  additionalProperties: false,
}
const server = {
  type: 'object',
  required: ['url'],
  properties: { name: text, url: text, description: text, summary: text, variables: { type: 'object' } },
  patternProperties: extensions,
  additionalProperties: false,
}
const errorObject = { type: 'object', required: ['code', 'message'], properties: { code: { type: 'integer' }, message: text, data: {} }, additionalProperties: false }
const example = {
  type: 'object',
  required: ['name'],
  properties: { name: text, summary: text, description: text, value: {}, externalValue: text },
  patternProperties: extensions,
  additionalProperties: false,
}
const pairing = {
  type: 'object',
  required: ['name', 'params'],
  properties: { name: text, description: text, summary: text, params: { type: 'array', items: orReference(example) }, result: orReference(example) },
  additionalProperties: false,
}

/**
 * The meta-schema of OpenRPC 1.3 (https://spec.open-rpc.org, the objects of its sections 4.2 to 4.23), written down by hand from the
 * specification, so that validating needs no network. Schemas inside are JSON Schema and are not looked into here.
 */
export const openRpcMetaSchema = {
  type: 'object',
  required: ['openrpc', 'info', 'methods'],
  properties: {
    openrpc: { type: 'string', pattern: '^1\\.3\\.\\d+$' },
    info: {
      type: 'object',
      required: ['title', 'version'],
      properties: {
        title: text,
        description: text,
        termsOfService: text,
        version: text,
        contact: { type: 'object' },
        license: { type: 'object', properties: { name: text, url: text }, patternProperties: extensions, additionalProperties: false },
      },
      patternProperties: extensions,
      additionalProperties: false,
    },
    servers: { type: 'array', items: server },
    methods: {
      type: 'array',
      items: orReference({
        type: 'object',
        required: ['name', 'params'],
        properties: {
          name: { type: 'string', minLength: 1, not: { pattern: '^rpc\\.' } },
          description: text,
          summary: text,
          servers: { type: 'array', items: server },
          tags: { type: 'array', items: orReference(tag) },
          paramStructure: { enum: ['by-position', 'by-name', 'either'] },
          params: { type: 'array', items: orReference(contentDescriptor) },
          result: orReference(contentDescriptor),
          errors: { type: 'array', items: orReference(errorObject) },
          links: { type: 'array' },
          examples: { type: 'array', items: orReference(pairing) },
          deprecated: { type: 'boolean' },
          externalDocs: { type: 'object' },
        },
        patternProperties: extensions,
        additionalProperties: false,
      }),
    },
    components: {
      type: 'object',
      properties: { schemas: { type: 'object', additionalProperties: schema }, links: {}, errors: {}, examples: {}, examplePairings: {}, contentDescriptors: {}, tags: {} },
      patternProperties: extensions,
      additionalProperties: false,
    },
    externalDocs: { type: 'object' },
  },
  patternProperties: extensions,
  additionalProperties: false,
} as const
