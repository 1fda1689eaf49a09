// GetItem through AWS's SDK for JavaScript: reads a count, does so many requests in sequence, prints the microseconds
// of CPU time that they took. tools/bench.sh installs the packages into cache/node.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { resolve } from "node:path";

const require = createRequire(resolve("cache/node/package.json"));
const { DynamoDBClient } = require("@aws-sdk/client-dynamodb");
const { DynamoDBDocumentClient, GetCommand } = require("@aws-sdk/lib-dynamodb");

const client = DynamoDBDocumentClient.from(new DynamoDBClient({
  region: "eu-west-1",
  endpoint: `http://127.0.0.1:${process.argv[2]}`,
  credentials: { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "secret" },
}));
const input = { TableName: "orders", Key: { pk: "CUSTOMER#00000001", sk: "ORDER#2026-11-01#000001" } };

for await (const line of createInterface({ input: process.stdin })) {
  const before = process.cpuUsage();
  for (let i = 0; i < Number(line); i++) await client.send(new GetCommand(input));
  const { user, system } = process.cpuUsage(before);
  console.log(user + system);
}
