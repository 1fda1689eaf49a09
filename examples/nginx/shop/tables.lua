--- The shop's client and its tables.
local dynamodb = require "dynamodb"

local tables = {}

local endpoint = os.getenv "AWS_ENDPOINT_URL"
local given = os.getenv "AWS_ACCESS_KEY_ID"

tables.db = dynamodb.connect {
  region = os.getenv "AWS_REGION" or "us-east-1",
  -- For an engine on this machine any credentials will do.
  access_key_id = endpoint and not given and "shop" or nil,
  secret_access_key = endpoint and not given and "shop" or nil,
  cursor_keys = { os.getenv "CURSOR_KEY" or "a key of an example, not a secret", os.getenv "PREVIOUS_CURSOR_KEY" },
}

local prefix = os.getenv "SHOP_TABLES" or "shop-"

tables.specs = {
  items = {
    name = prefix .. "items", partition = "pk", sort = "sk", ttl = "ttl",
    indexes = { ["GSI1-status-createdAt"] = { partition = "GSI1PK", sort = "GSI1SK" } },
  },
  sessions = { name = prefix .. "sessions", partition = "pk", ttl = "expires" },
  -- A count that is one too high is better than a request that fails.
  limits = { name = prefix .. "limits", partition = "pk", ttl = "expires", retry_ambiguous = true },
}

--- One of the tables.
---@param name "items"|"sessions"|"limits"
---@return dynamodb.Table
function tables.open(name) return tables.db:table(tables.specs[name].name, tables.specs[name]) end

return tables
