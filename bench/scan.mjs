// All items of a Scan through paginateScan of AWS's SDK for JavaScript: the endpoint is the argument; prints how many
// there were, the CPU seconds that they took, and the seconds on the clock. tools/bench.sh installs the packages into
// cache/node.
import { createRequire } from "node:module";
import { resolve } from "node:path";

const require = createRequire(resolve("cache/node/package.json"));
const { DynamoDBClient } = require("@aws-sdk/client-dynamodb");
const { DynamoDBDocumentClient, paginateScan } = require("@aws-sdk/lib-dynamodb");

const client = DynamoDBDocumentClient.from(new DynamoDBClient({
  endpoint: process.argv[2], region: "us-east-1", credentials: { accessKeyId: "bench", secretAccessKey: "bench" },
}));

async function scan() {
  let count = 0;
  for await (const page of paginateScan({ client }, { TableName: "orders" })) {
    for (const item of page.Items) if (item.pk) count += 1;
  }
  return count;
}

async function main() {
  await scan(); // what starts cold is not measured
  const [before, start] = [process.cpuUsage(), performance.now()];
  const count = await scan();
  const spent = process.cpuUsage(before);
  console.log(count, (spent.user + spent.system) / 1e6, (performance.now() - start) / 1e3);
  client.destroy();
}

main();
