-- The deployable examples: what AWS's own tools say to template.yaml, and what it grants. The numbers are those of
-- docs/lambda.md.
local core = require "dynamodb.core"
local process = require "spec.support.process"

local TEMPLATE = "examples/lambda/template.yaml"

local function read(path)
  local file = assert(io.open(path))
  local text = file:read "*a"
  file:close()
  return text
end

-- Every action that policies allow, with the resources.
local function actions_of(statements)
  local actions = {}
  for _, statement in ipairs(statements) do
    local list = type(statement.Action) == "table" and statement.Action or { statement.Action }
    for _, action in ipairs(list) do actions[action] = core.json_encode(statement.Resource) end
  end
  return actions
end

describe("examples/lambda/policy.json", function()
  it("2: allows every operation on items, indexes, stream, topic and queue, and nothing on all tables", function()
    local policy = assert(core.json_decode(read "examples/lambda/policy.json"))
    local actions = actions_of(policy.Statement)
    for _, name in ipairs { "GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "Scan", "BatchGetItem",
      "BatchWriteItem", "ConditionCheckItem" } do
      assert.matches("table/shop/index/%*", actions["dynamodb:" .. name])
    end
    for _, name in ipairs { "DescribeStream", "GetRecords", "GetShardIterator" } do
      assert.matches("table/shop/stream/%*", actions["dynamodb:" .. name])
    end
    -- Lambda sends what was given up on, and the replay takes it from there.
    for _, name in ipairs { "sns:Publish", "sqs:SendMessage", "sqs:ReceiveMessage", "sqs:DeleteMessage",
      "sqs:GetQueueAttributes" } do
      assert.is_truthy(actions[name], name)
    end
    for action, resource in pairs(actions) do
      assert.is_true(resource ~= '"*"' or action == "dynamodb:ListStreams", action)
    end
  end)
end)

describe("examples/lambda/serverless.yml", function()
  it("25: names the functions that there are, with tables from the environment", function()
    local text = read "examples/lambda/serverless.yml"
    local count = 0
    for module, name in text:gmatch "handler: (%w+)%.([%w_]+)" do
      count = count + 1
      local source = read("examples/lambda/" .. module .. ".lua")
      assert.is_truthy(source:find("functions." .. name .. "(", 1, true) or source:find(name .. " =", 1, true), name)
    end
    assert.equal(5, count)
    for _, member in ipairs { "TABLE_NAME: ", "provisionedConcurrency: 5", "functionResponseType: Report",
      "onFailure: " } do
      assert.is_truthy(text:find(member, 1, true), member)
    end
  end)
end)

-- Once is enough: the tools are not Lua's.
if _VERSION ~= "Lua 5.4" then return end

describe("examples/lambda/template.yaml", function()
  local template

  -- The expanded template; nil, and the spec is pending, where the tools cannot be had.
  local function expanded()
    if template then return template end
    local code, output, errors = process.run { "tools/template.sh", "expand", TEMPLATE, timeout = 300 }
    if code == 77 then
      pending "aws-sam-translator is not here and cannot be fetched"
      return nil
    end
    assert.equal(0, code, errors)
    template = assert(core.json_decode(output)).Resources
    return template
  end

  local function of_type(name)
    local found = {}
    for id, resource in pairs(template) do
      if resource.Type == name then found[id] = resource.Properties end
    end
    return found
  end

  it("24: expands, and neither it nor what it expands to has a finding of cfn-lint's", function()
    if not expanded() then return end
    local code, output, errors = process.run { "tools/template.sh", "lint", TEMPLATE, timeout = 300 }
    assert.equal(0, code, output .. errors)
  end)

  it("24: has partial batches, retries with an end, and a destination for what is given up on", function()
    if not expanded() then return end
    local mapping = template.StreamFunctionChanges.Properties
    assert.same({ "ReportBatchItemFailures" }, { (table.unpack or unpack)(mapping.FunctionResponseTypes) })
    assert.equal("Failures", mapping.DestinationConfig.OnFailure.Destination["Fn::GetAtt"][1])
    assert.same({ 100, 5, true, "TRIM_HORIZON" },
      { mapping.BatchSize, mapping.MaximumRetryAttempts, mapping.BisectBatchOnFunctionError, mapping.StartingPosition })
    assert.same({ "Table", "StreamArn" }, { (table.unpack or unpack)(mapping.EventSourceArn["Fn::GetAtt"]) })
  end)

  it("24: grants each function what it needs, on its own tables", function()
    if not expanded() then return end
    local count = 0
    for id, role in pairs(of_type "AWS::IAM::Role") do
      for _, arn in ipairs(role.ManagedPolicyArns or {}) do
        assert.matches("AWSLambdaBasicExecutionRole", core.json_encode(arn), 1, true)
      end
      for _, policy in ipairs(role.Policies or {}) do
        for action, resource in pairs(actions_of(policy.PolicyDocument.Statement)) do
          count = count + 1
          assert.is_nil(action:find("*", 1, true), id)
          assert.is_true(resource ~= '"*"' or action == "dynamodb:ListStreams", id)
        end
      end
    end
    assert.is_true(count > 20)
    local get = actions_of(template.GetUserFunctionRole.Properties.Policies[1].PolicyDocument.Statement)
    assert.same({ ["dynamodb:GetItem"] = '{"Fn::GetAtt":["Table","Arn"]}' }, get)
    local stream = actions_of(template.StreamRole.Properties.Policies[1].PolicyDocument.Statement)
    assert.equal('{"Fn::GetAtt":["Table","StreamArn"]}', stream["dynamodb:GetRecords"])
  end)

  it("19: keeps functions warm where latency counts", function()
    if not expanded() then return end
    local alias = template.GetUserFunctionAliaslive.Properties
    assert.equal(5, alias.ProvisionedConcurrencyConfig.ProvisionedConcurrentExecutions)
  end)

  it("24: has the table that the functions declare", function()
    if not expanded() then return end
    local made = template.Table.Properties
    assert.same({ "NEW_AND_OLD_IMAGES", "ttl", "PAY_PER_REQUEST", "GSI1", "LSI1" }, {
      made.StreamSpecification.StreamViewType, made.TimeToLiveSpecification.AttributeName, made.BillingMode,
      made.GlobalSecondaryIndexes[1].IndexName, made.LocalSecondaryIndexes[1].IndexName,
    })
  end)

  it("25: takes all names from the environment, and a runtime that AWS maintains", function()
    if not expanded() then return end
    local count = 0
    for _, made in pairs(of_type "AWS::Lambda::Function") do
      count = count + 1
      assert.equal("provided.al2023", made.Runtime)
      assert.equal('{"Ref":"Table"}', core.json_encode(made.Environment.Variables.TABLE_NAME))
      local module, name = made.Handler:match "^(%w+)%.([%w_]+)$"
      local source = read("examples/lambda/" .. module .. ".lua")
      assert.is_truthy(source:find("functions." .. name .. "(", 1, true) or source:find(name .. " =", 1, true)
        or source:find("." .. name .. "(", 1, true), made.Handler)
    end
    assert.equal(16, count)
  end)
end)
