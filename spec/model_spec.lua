local generator = require "tools.model"
local model = require "dynamodb.model"

local function read(path)
  local file = assert(io.open(path))
  local text = file:read "*a"
  file:close()
  return text
end

-- The input members of one level of a shape text, as a map name -> what follows the name.
local function members(shape)
  local found, depth, text = {}, 0, ""
  for char in (shape:sub(2, -2) .. ","):gmatch "." do
    depth = depth + (char:find "[%(%[{]" and 1 or char:find "[%)%]}]" and -1 or 0)
    if char == "," and depth == 0 then
      local name, rest = text:match "^(%w*) ?(.*)$"
      found[name], text = rest, ""
    else
      text = text .. char
    end
  end
  found[""] = nil                                            -- of `{}`, which has none
  return found
end

describe("dynamodb.model", function()
  local operations = model.operations

  it("is what the generator writes", function()
    local source, message = generator.generate()
    if not source then
      return pending("the service model is not here: " .. message)
    end
    assert.are.equal(source, read(generator.output))
  end)

  it("knows the 62 operations of DynamoDB and the 4 of DynamoDB Streams", function()
    local count = { dynamodb = 0, streams = 0 }
    for _, operation in pairs(operations) do
      count[operation.service] = count[operation.service] + 1
    end
    assert.are.same({ dynamodb = 62, streams = 4 }, count)
  end)

  it("gives every operation a target, a service and an input", function()
    for name, operation in pairs(operations) do
      local prefix = operation.service == "streams" and "DynamoDBStreams_20120810." or "DynamoDB_20120810."
      assert.are.equal(prefix .. name, operation.target)
      assert.truthy(operation.input == "{}" or operation.input:match "^%(.*%)$", name)
    end
  end)

  it("has shape texts that compile", function()
    local core = require "dynamodb.core"
    assert.is_userdata(core.shape(model.error))
    for _, operation in pairs(operations) do
      assert.is_userdata(core.shape(operation.input))
      if operation.output then
        assert.is_userdata(core.shape(operation.output))
      end
    end
  end)

  it("says where AttributeValues stand in a request", function()
    local put = members(operations.PutItem.input)
    assert.are.equal("i", put.Item)
    assert.are.equal("i", put.ExpressionAttributeValues)
    assert.are.equal("{}", put.ExpressionAttributeNames)
    assert.are.equal("", put.TableName)
    assert.are.equal("{[(DeleteRequest (Key i),PutRequest (Item i))]}",
      members(operations.BatchWriteItem.input).RequestItems)
    assert.are.equal("[v]", members(operations.ExecuteStatement.input).Parameters)
    assert.are.equal("[v]", members(operations.SearchVectors.input).SearchVector)
    assert.are.equal("{(ComparisonOperator,AttributeValueList [v])}", members(operations.Query.input).KeyConditions)
  end)

  it("says where AttributeValues stand in an answer, and nothing else", function()
    assert.are.equal("(Item i)", operations.GetItem.output)
    assert.are.equal("(Items [i],LastEvaluatedKey i)", operations.Query.output)
    assert.are.equal("(Attributes i,ItemCollectionMetrics (ItemCollectionKey i))", operations.UpdateItem.output)
    assert.are.equal("(Responses {[i]},UnprocessedKeys {(Keys [i])})", operations.BatchGetItem.output)
    assert.are.equal("(Responses [(Error (Item i),Item i)])", operations.BatchExecuteStatement.output)
    assert.are.equal("(Records [(dynamodb (Keys i,NewImage i,OldImage i))])", operations.GetRecords.output)
    assert.is_nil(operations.DescribeTable.output)
    assert.is_nil(operations.TagResource.output)
  end)

  it("has all members of an input, also of the newest model", function()
    local names = {}
    for name in pairs(members(operations.GetItem.input)) do
      names[#names + 1] = name
    end
    table.sort(names)
    assert.are.same({ "AttributesToGet", "ConsistentRead", "ExpressionAttributeNames", "Key", "ProjectionExpression",
      "ReturnConsumedCapacity", "TableName" }, names)
    assert.are.equal("", members(operations.UpdateTable.input).DisassociationProtectionEnabled)
    assert.truthy(members(operations.StartBulkPutItems.input).InputS3Configuration)
    assert.are.same({}, members(operations.DescribeLimits.input))
  end)

  it("knows what changes nothing", function()
    for _, name in ipairs { "GetItem", "BatchGetItem", "TransactGetItems", "Query", "Scan", "DescribeTable",
      "ListTables", "SearchVectors", "GetRecords", "GetShardIterator", "GetResourcePolicy" } do
      assert.is_true(operations[name].read, name)
    end
    for _, name in ipairs { "PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems",
      "CreateTable", "ExecuteStatement", "BatchExecuteStatement", "ExecuteTransaction", "TagResource" } do
      assert.is_nil(operations[name].read, name)
    end
  end)

  it("knows the idempotency tokens", function()
    local tokens = {}
    for name, operation in pairs(operations) do
      tokens[name] = operation.token
    end
    assert.are.same({ TransactWriteItems = "ClientRequestToken", ExecuteTransaction = "ClientRequestToken",
      ExportTableToPointInTime = "ClientToken", ImportTable = "ClientToken", StartBulkPutItems = "ClientToken" },
      tokens)
  end)

  it("knows what the endpoint rules look at", function()
    local expected = { GetItem = "TableName", DeleteBackup = "BackupArn", RestoreTableFromBackup = "TargetTableName",
      ListExports = "TableArn", DescribeExport = "ExportArn", CancelBulkOperation = "BulkOperationArn",
      TagResource = "ResourceArn", UpdateGlobalTable = "GlobalTableName",
      ImportTable = "TableCreationParameters.TableName",
      BatchGetItem = "RequestItems{}", BatchWriteItem = "RequestItems{}",
      TransactGetItems = "TransactItems[].Get.TableName",
      TransactWriteItems = "TransactItems[].ConditionCheck|Put|Delete|Update.TableName" }
    for name, endpoint in pairs(expected) do
      assert.are.equal(endpoint, operations[name].endpoint)
    end
    local without = {}
    for name, operation in pairs(operations) do
      if not operation.endpoint then
        without[#without + 1] = name
      end
      assert.are.equal(name == "SearchVectors" or nil, operation.search)
    end
    table.sort(without)
    assert.are.same({ "BatchExecuteStatement", "DescribeEndpoints", "DescribeLimits", "DescribeStream",
      "ExecuteStatement", "ExecuteTransaction", "GetRecords", "GetShardIterator", "ListBulkOperations",
      "ListGlobalTables", "ListStreams", "ListTables" }, without)
  end)
end)
