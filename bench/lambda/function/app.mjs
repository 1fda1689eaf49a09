// The same functions in Node.js with AWS's SDK: `node app.mjs bare` or `get_user`. Over one kept connection, as
// Amazon's own runtime for Node.js does it.
import http from "node:http";
import { createRequire } from "node:module";
import { resolve } from "node:path";

const require = createRequire(resolve("cache/node/package.json"));
const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

function call(method, path, body) {
  return new Promise((done, fail) => {
    const url = `/2018-06-01/runtime/invocation/${path}`;
    const request = http.request({ host, port, method, path: url, agent }, (answer) => {
      const parts = [];
      answer.on("data", (part) => parts.push(part));
      answer.on("end", () => done({ headers: answer.headers, body: Buffer.concat(parts) }));
    });
    request.on("error", fail);
    request.end(body);
  });
}

const handlers = {
  bare: () => async () => "ok",
  get_user: () => {
    const { DynamoDBClient } = require("@aws-sdk/client-dynamodb");
    const { DynamoDBDocumentClient, GetCommand } = require("@aws-sdk/lib-dynamodb");
    const client = DynamoDBDocumentClient.from(new DynamoDBClient({}));
    return async (event) => {
      const id = event.pathParameters.id;
      const { Item } = await client.send(new GetCommand({
        TableName: "users",
        Key: { pk: `USER#${id}`, sk: `PROFILE#${id}` },
        ProjectionExpression: "pk, sk, #name",
        ExpressionAttributeNames: { "#name": "name" },
      }));
      if (!Item) return { statusCode: 404, body: '{"message":"no such user"}' };
      return { statusCode: 200, body: JSON.stringify(Item) };
    };
  },
};

const handler = handlers[process.argv[2]]();
for (;;) {
  const { headers, body } = await call("GET", "next");
  const result = await handler(JSON.parse(body));
  await call("POST", `${headers["lambda-runtime-aws-request-id"]}/response`, JSON.stringify(result));
}
