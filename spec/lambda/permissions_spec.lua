-- What template.yaml grants each function against what the function calls: nothing is missing, nothing is too much.
local capture = require "spec.support.capture"
local core = require "dynamodb.core"
local engine = require "spec.support.engine"
local lambda_functions = require "spec.support.lambda_functions"
local process = require "spec.support.process"
local stream_events = require "spec.support.stream_events"

-- Handlers with the events that make them call all that they ever do.
local EVENTS = {
  ["users.create"] = { "create-user.rest" }, ["users.get"] = { "get-user.http" },
  ["users.update"] = { "update-user.rest" }, ["users.delete"] = { "delete-user.rest" },
  ["orders.create"] = { "create-order.rest" }, ["orders.list"] = { "list-orders.rest" },
  ["orders.by_status"] = { "orders-by-status.http" },
  ["batch.create"] = { "batch-users.rest" }, ["batch.lookup"] = { "batch-lookup.rest" },
  ["accounts.transfer"] = { "transfer.rest" }, ["accounts.balances"] = { "balances.url" },
  ["ingest.uploaded"] = { "uploaded.s3" }, ["ingest.scheduled"] = { "scheduled.eventbridge" },
  ["api.handler"] = {
    "create-user.rest", "get-user.alb", "update-user.url", "delete-user.rest", "list-orders.rest",
    "orders-by-status.http", "batch-users.rest", "batch-lookup.rest", "transfer.rest", "balances.url",
  },
  ["stream.process"] = {},
}

-- What a function calls only when something has failed.
local IN_TROUBLE = { ["orders.create"] = "DeleteItem IdempotencyTable" } -- the key is given back

local OF_A_TRANSACTION = { Put = "PutItem", Update = "UpdateItem", Delete = "DeleteItem", Get = "GetItem",
  ConditionCheck = "ConditionCheckItem" }

describe("examples/lambda/template.yaml grants", function()
  if not engine.endpoint or engine.name == "dynalite" then
    return it("what is called", function() pending "no engine with transactions: run through tools/engine.sh" end)
  end
  local code, output = process.run { "tools/template.sh", "expand", "examples/lambda/template.yaml", timeout = 300 }
  if code == 77 then
    return it("what is called", function() pending "aws-sam-translator is not here and cannot be fetched" end)
  end
  local template = assert(core.json_decode(output)).Resources

  local functions, shop, names, called

  -- Notes one request: the actions that IAM asks for, and on which table or index.
  local function note(operation, body)
    local function add(action, request)
      called[("%s %s%s"):format(action, names[request.TableName],
        request.IndexName and "/index/" .. request.IndexName or "")] = true
    end
    for _, item in ipairs(body.TransactItems or {}) do
      for kind, request in pairs(item) do add(OF_A_TRANSACTION[kind], request) end
    end
    for name in pairs(body.RequestItems or {}) do add(operation, { TableName = name }) end
    if body.TableName then add(operation, body) end
  end

  setup(function()
    local table_name = engine.prefix .. core.uuid()
    names = { [table_name] = "Table", [table_name .. "-idempotency"] = "IdempotencyTable" }
    local real = require("dynamodb.runtime.plain").new()
    local runtime = setmetatable({
      send = function(_, request, ...)
        note(request.head:match "X%-Amz%-Target: %S-%.(%a+)", core.json_decode(request.body))
        return real:send(request, ...)
      end,
    }, { __index = real })
    functions = lambda_functions.new({
      TABLE_NAME = table_name, IDEMPOTENCY_TABLE = table_name .. "-idempotency",
      CURSOR_KEY = ("k"):rep(32), TOPIC_ARN = "arn:aws:sns:eu-west-1:123456789012:orders",
      AWS_ACCESS_KEY_ID = "AKIDEXAMPLE", AWS_SECRET_ACCESS_KEY = "secret",
    }, { runtime = runtime })
    called = {}
    shop = functions.require "shop"
    assert(shop.db:ensure_table(shop.spec))
    assert(shop.db:ensure_table(shop.idempotency_spec))
    functions.require("sns").publish = function() return true end
  end)

  teardown(function()
    for name in pairs(names) do engine.drop_table(shop.db, name) end
    shop.db:close()
  end)

  -- "Table", "Table/index/GSI1"; nil for what is no table.
  local function place_of(resource)
    if type(resource) ~= "table" then return nil end
    local attribute, text = resource["Fn::GetAtt"], resource["Fn::Sub"]
    if attribute then return attribute[2] == "Arn" and attribute[1]:match "^%a*Table$" or nil end
    local name, rest = (text or ""):match "^${(%a*Table)%.Arn}(/index/%w+)$"
    return name and name .. rest
  end

  -- The role's statements about tables, in the words of `note`.
  local function granted_to(id)
    local own = template[id].Properties.Role["Fn::GetAtt"][1]
    local granted = {}
    for _, policy in ipairs(template[own].Properties.Policies) do
      for _, statement in ipairs(policy.PolicyDocument.Statement) do
        local function each(value) return type(value) == "table" and value[1] and value or { value } end
        for _, resource in ipairs(each(statement.Resource)) do
          for _, action in ipairs(each(statement.Action)) do
            local name, place = action:match "^dynamodb:(%a+)$", place_of(resource)
            if name and place then granted[name .. " " .. place] = true end
          end
        end
      end
    end
    return granted
  end

  for id, resource in pairs(template) do
    local handler = resource.Type == "AWS::Lambda::Function" and resource.Properties.Handler
    local events = EVENTS[handler]
    if events then
      it(("%s what it calls, and no more"):format(handler), function()
        called = {}
        for _, name in ipairs(events) do
          capture("stdout", functions.invoke, functions, handler, functions:recorded(name))
        end
        if handler == "stream.process" then
          local order = { pk = "USER#1", sk = "ORDER#1", entityType = "Order", id = "1", status = "open",
            items = { { product = "lamp", quantity = 1 } } }
          functions:invoke(handler, { Records = { stream_events.record("INSERT", 1, { new = order }) } })
        end
        if IN_TROUBLE[handler] then called[IN_TROUBLE[handler]] = true end
        assert.same(called, granted_to(id))
      end)
    end
  end
end)
