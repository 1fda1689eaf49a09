// Items through BatchWriteCommand of AWS's SDK for JavaScript, 25 at a time: endpoint, count and one item's JSON are
// the arguments; prints the CPU seconds that it took. tools/bench.sh installs the packages into cache/node.
import { createRequire } from "node:module";
import { resolve } from "node:path";

const require = createRequire(resolve("cache/node/package.json"));
const { DynamoDBClient } = require("@aws-sdk/client-dynamodb");
const { DynamoDBDocumentClient, BatchWriteCommand } = require("@aws-sdk/lib-dynamodb");
const { unmarshall } = require("@aws-sdk/util-dynamodb");

const [endpoint, count, wire] = [process.argv[2], Number(process.argv[3]), process.argv[4]];
const template = unmarshall(JSON.parse(wire, (key, value) => key === "B" ? Buffer.from(value, "base64")
  : key === "BS" ? value.map((text) => Buffer.from(text, "base64")) : value));

async function main() {
  const client = DynamoDBDocumentClient.from(new DynamoDBClient({
    endpoint, region: "us-east-1", credentials: { accessKeyId: "bench", secretAccessKey: "bench" },
  }));
  const write = async (from, to) => {
    for (let at = from; at < to; at += 25) {
      const requests = [];
      for (let i = at; i < Math.min(to, at + 25); i++) {
        requests.push({ PutRequest: { Item: { ...template, pk: `CUSTOMER#${i}` } } });
      }
      await client.send(new BatchWriteCommand({ RequestItems: { orders: requests } }));
    }
  };
  await write(0, 2500); // what starts cold is not measured
  const before = process.cpuUsage();
  await write(0, count);
  const spent = process.cpuUsage(before);
  console.log((spent.user + spent.system) / 1e6);
}

main();
