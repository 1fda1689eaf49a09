// A function under @vercel/fun, told over stdin: node fun_process.mjs FUN DIRECTORY HANDLER
// Each line of stdin is an event, `end` the end; each line of stdout what became of it:
// {"error": null | "Handled" | …, "payload": "…"}.
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const [library, directory, handler] = process.argv.slice(2);
const { createFunction } = await import(pathToFileURL(library));
const { AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, ...variables } = JSON.parse(process.env.FUNCTION_ENV);
const lambda = await createFunction({
  Code: { Directory: directory },
  Handler: handler,
  Runtime: 'provided',
  Environment: { Variables: variables },
  Region: AWS_REGION,
  AccessKeyId: AWS_ACCESS_KEY_ID,
  SecretAccessKey: AWS_SECRET_ACCESS_KEY,
  MemorySize: 128,
});
const log = console.log;
console.log = console.error; // what fun itself says
for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'end') break;
  const result = await lambda.invoke({ InvocationType: 'RequestResponse', Payload: line });
  log(JSON.stringify({ error: result.FunctionError ?? null, payload: String(result.Payload) }));
}
await lambda.destroy();
process.exit(0);
