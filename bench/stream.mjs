// Records of one shard through the AWS SDK for JavaScript, as one reads them with it: a loop around GetRecords. The
// arguments: endpoint, how many records, "unmarshall" (each new image made an object) or "typed". Prints the seconds of
// CPU time that they took. tools/bench.sh installs the packages into cache/node.
import { createRequire } from "node:module";
import { resolve } from "node:path";

const require = createRequire(resolve("cache/node/package.json"));
const { DynamoDBStreamsClient, GetShardIteratorCommand, GetRecordsCommand } =
  require("@aws-sdk/client-dynamodb-streams");
const { unmarshall } = require("@aws-sdk/util-dynamodb");

const [endpoint, count, kind] = process.argv.slice(2);
const client = new DynamoDBStreamsClient({
  endpoint, region: "us-east-1", credentials: { accessKeyId: "bench", secretAccessKey: "bench" },
});

async function read(wanted) {
  const place = { StreamArn: "arn", ShardId: "shardId-1", ShardIteratorType: "TRIM_HORIZON" };
  let { ShardIterator } = await client.send(new GetShardIteratorCommand(place));
  let seen = 0;
  while (seen < wanted) {
    const answer = await client.send(new GetRecordsCommand({ ShardIterator, Limit: 1000 }));
    for (const record of answer.Records) {
      const image = record.dynamodb.NewImage;
      if (kind === "unmarshall" ? unmarshall(image).pk : image.pk) seen += 1;
    }
    ShardIterator = answer.NextShardIterator;
  }
}

await read(20000); // what starts cold is not measured
const before = process.cpuUsage();
await read(Number(count));
const { user, system } = process.cpuUsage(before);
console.log((user + system) / 1e6);
client.destroy();
