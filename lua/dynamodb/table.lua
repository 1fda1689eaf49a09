--- One table: reading and writing single items.
local lazy = require "dynamodb.lazy"
local admin = lazy "dynamodb.admin.ensure"
local batch = lazy "dynamodb.batch"
local expression = require "dynamodb.expression"
local index = require "dynamodb.index"
local key = require "dynamodb.key"
local option_rules = require "dynamodb.options"
local query = require "dynamodb.query"
local repeat_safe = require "dynamodb.repeat_safe"
local request = require "dynamodb.request"
local schema = require "dynamodb.schema"
local shared = require "dynamodb.nginx.shared"
local stamps = require "dynamodb.stamps"
local tables = lazy "dynamodb.admin.tables"
local transaction = lazy "dynamodb.transaction"
local usage = require "dynamodb.usage"
local waiters = lazy "dynamodb.admin.waiters"
local write = require "dynamodb.write"

local table_methods = {}
local table_mt = { __name = "dynamodb.Table", __index = table_methods }

---@class dynamodb.Table
---@field client dynamodb.Client
---@field name string                    name or ARN
---@field schema dynamodb.Schema?        declared or described; nil as long as neither was done
---@field private retry_ambiguous boolean?
---@field version string?                name of the attribute that holds an item's version
---@field private stamps dynamodb.Stamps?

function table_mt:__tostring()
  return ("dynamodb.Table(%s)"):format(self.name)
end

--- A table of the client. No request is made.
---@param client dynamodb.Client
---@param name string         name or ARN
---@param declared table?     `{ partition =, sort =, types =, indexes =, version =, stamps = }`; what is missing is
---                           described when needed
---@return dynamodb.Table
local function new(client, name, declared)
  usage.check_type(name, "string", "the table's name")
  if name == "" then usage.raise("the table's name is empty") end
  return setmetatable({
    client = client,
    name = name,
    schema = schema.declare(declared),
    retry_ambiguous = declared and declared.retry_ambiguous,
    version = declared and declared.version,
    stamps = stamps.declare(declared),
  }, table_mt)
end

local set_of = write.set_of

-- Options that each method knows.
local READING = set_of("attributes", "consistent", "capacity", "timeout", "deadline")
local CREATING = set_of("capacity", "timeout", "deadline", "retry_ambiguous", "idempotent")
local PUTTING = set_of("where", "names", "values", "returns", "capacity", "timeout", "deadline", "retry_ambiguous",
  "idempotent")
local WRITING = set_of("where", "names", "values", "version", "returns", "capacity", "timeout", "deadline",
  "retry_ambiguous", "idempotent")
local LIMITING = set_of("timeout", "deadline")

-- What each operation can return. Source: ReturnValues of PutItem, UpdateItem, DeleteItem in the API reference.
local RETURNS = {
  PutItem = set_of("NONE", "ALL_OLD"),
  DeleteItem = set_of("NONE", "ALL_OLD"),
  UpdateItem = set_of("NONE", "ALL_OLD", "UPDATED_OLD", "ALL_NEW", "UPDATED_NEW"),
}

---@param operation string
---@param wanted any    the option `returns`
---@return string?      as DynamoDB spells it; nil if nothing is to be returned
local function check_returns(operation, wanted)
  if wanted == nil then return nil end
  local known = RETURNS[operation]
  local name = type(wanted) == "string" and wanted:upper()
  if not known[name] then
    local all = {}
    for each in pairs(known) do all[#all + 1] = each end
    table.sort(all)
    usage.raise(("returns: %s can return %s, not %s"):format(operation, table.concat(all, ", "), tostring(wanted)))
  end
  return name ~= "NONE" and name or nil
end

--- Sends a write, by itself or as a transaction of its own.
---@param self dynamodb.Table
---@param operation "PutItem"|"UpdateItem"|"DeleteItem"
---@param made dynamodb.Write
---@param options table
---@return table|true|nil result
---@return dynamodb.Error?
---@return dynamodb.Meta?
local function send(self, operation, made, options)
  local params, returns = made.params, check_returns(operation, options.returns)
  local capacity = option_rules.capacity(self.client, options)
  if options.idempotent then
    if returns then usage.raise("returns: an idempotent write is a transaction, which returns no items") end
    return transaction.single(self, operation, made, options, capacity)
  end
  params.ReturnValues, params.ReturnConsumedCapacity = returns, capacity
  local by_transport, by_policy = repeat_safe.same_change(params)
  local built = {
    resend = made.safe and by_transport,
    repeatable = made.safe and by_policy,
    retry_ambiguous = self.retry_ambiguous,
    was_applied = not returns and made.was_applied or nil, -- what is to be returned is lost with the answer
  }
  local answer, err, meta = self.client:perform(operation, params, options, built)
  if not answer then return nil, err end
  made.applied()
  if not returns then return true, nil, meta end
  local attributes = answer.Attributes
  -- Nothing was updated that could be shown: an empty part of an item, not a missing item.
  if attributes == nil and returns:find("^UPDATED_") then attributes = {} end
  return attributes, nil, meta
end

--- The table's keys, for the library's other parts.
---@private
---@param options table    timeout and deadline are taken
---@return dynamodb.Schema?
---@return dynamodb.Error?
function table_methods:keys(options)
  return schema.known(self, options)
end

--- Reads one item.
---@param item_key table      every attribute of the key
---@param options table?      attributes (a list of paths: "address.city", "tags[0]" or dynamodb.path), consistent
---                           (boolean), capacity ("total", "indexes", "none"), timeout (seconds), deadline (on
---                           db:now())
---@return table? item        nil without an error if there is none
---@return dynamodb.Error?
---@return dynamodb.Meta?
function table_methods:get(item_key, options)
  options = option_rules.check(options, READING, "get")
  key.check(item_key, self.schema, self.client.limits)
  local params = {
    TableName = self.name,
    Key = item_key,
    ConsistentRead = options.consistent,
    ReturnConsumedCapacity = option_rules.capacity(self.client, options),
  }
  if options.attributes ~= nil then
    local builder = expression.new(nil, nil, self.client.limits)
    params.ProjectionExpression = builder:projection(options.attributes)
    builder:finish(params)
  end
  local answer, err, meta = self.client:perform("GetItem", params, options)
  if not answer then return nil, err end
  return answer.Item, nil, meta
end

--- Writes one item, over whatever was there. On a table with versions: over what the caller has read, and `item` gets
--- the next version when that has succeeded.
---@param item table         with its key
---@param options table?     where (a condition as table, operator or text), names and values (of a text), returns
---                          ("NONE", "ALL_OLD"), capacity, timeout (seconds), deadline, retry_ambiguous, idempotent
---                          (true, or a token: sent as a transaction, applied once however often it is repeated, for
---                          twice the capacity and without returns)
---@return table|true|nil result    true; with returns = "ALL_OLD" the item that was there, or nil without an error
---@return dynamodb.Error?   code ConditionalCheckFailedException with `item` if the condition did not hold
---@return dynamodb.Meta?
function table_methods:put(item, options)
  options = option_rules.check(options, PUTTING, "put")
  return send(self, "PutItem", write.put(self, item, options), options)
end

--- Writes one item that must not be there yet. When an attempt follows one that may have been applied, the old item is
--- compared with what was sent: equal is success. On a table with versions `item` gets version 1.
---@param item table         with its key
---@param options table?     capacity, timeout (seconds), deadline, retry_ambiguous, idempotent (see `put`)
---@return true? created
---@return dynamodb.Error?   code ConditionalCheckFailedException with `item` if there is one
---@return dynamodb.Meta?
function table_methods:create(item, options)
  options = option_rules.check(options, CREATING, "create")
  if not self.schema then options = request.bounded(self.client, options) end
  usage.check_type(item, "table", "item")
  local keys, err = schema.known(self, options)
  if not keys then return nil, err end
  return send(self, "PutItem", write.create(self, item), options)
end

--- Changes attributes of one item, which is made if it is not there.
---@param item_key table           every attribute of the key; on a table with versions also the version, which is set
---                                to the next one when the update has succeeded
---@param changes table|string     actions: set, default (set if missing), add (to a number or set), delete (from a
---                                set), append and prepend (to a list, made if missing), each `{ name = value }`, and
---                                remove, a list of names; names are whole or dynamodb.path. Or an UpdateExpression
---                                as text, with the options names and values
---@param options table?           where, names, values, version (that the item must have, false for none yet; with
---                                where alone, any), returns ("NONE", "ALL_OLD", "ALL_NEW", "UPDATED_OLD",
---                                "UPDATED_NEW"), capacity, timeout (seconds), deadline, retry_ambiguous, idempotent
---                                (see `put`)
---@return table|true|nil result    true, or what `returns` asks for
---@return dynamodb.Error?         code ConditionalCheckFailedException with `item` if the condition did not hold
---@return dynamodb.Meta?
function table_methods:update(item_key, changes, options)
  options = option_rules.check(options, WRITING, "update")
  return send(self, "UpdateItem", write.update(self, item_key, changes, options), options)
end

--- Deletes one item; that it was not there is no failure.
---@param item_key table      every attribute of the key; on a table with versions also the version
---@param options table?      where, names, values, version, returns ("NONE", "ALL_OLD"), capacity, timeout (seconds),
---                           deadline, retry_ambiguous, idempotent (see `put`)
---@return table|true|nil result    true; with returns = "ALL_OLD" the item that was there, or nil without an error
---@return dynamodb.Error?    code ConditionalCheckFailedException with `item` if the condition did not hold
---@return dynamodb.Meta?
function table_methods:delete(item_key, options)
  options = option_rules.check(options, WRITING, "delete")
  return send(self, "DeleteItem", write.delete(self, item_key, options), options)
end

--- Items of one partition, in the order of the sort key.
---
--- | option | meaning |
--- | --- | --- |
--- | `where` | a filter, as table, operator or text (`names`, `values`); what it leaves out is read, and billed |
--- | `attributes` | a list of paths; the keys are read as well, since cursors are made of them |
--- | `limit` | items to give out at most |
--- | `page_size` | items that a request reads at most (DynamoDB's Limit); 1 MB by default |
--- | `max_pages` | requests at most; `cursor` says where it stopped |
--- | `reverse` | boolean: the last one first |
--- | `consistent` | boolean; not for global indexes |
--- | `cursor` | where to go on: of `query:cursor()`, of a page, of an error |
--- | `cursor_keys` | a list of secrets of 16 bytes or more that sign cursors, the current one first |
--- | `prefetch` | boolean: one page is fetched ahead; yes, but not in nginx and Lambda |
--- | `rcu` | capacity units a second that it may consume |
--- | `capacity` | "total", "indexes" or "none" |
--- | `timeout`, `deadline` | seconds for all of it, or a time on `db:now()`; by default each request has its own |
---@param keys table|string    `{ pk = value }`, and if wanted a condition on the sort key: a value, or `e.begins_with`,
---                            `e.between`, `e.lt`, `e.le`, `e.gt`, `e.ge`. Or a KeyConditionExpression as text, with
---                            the options names and values
---@param options table?
---@return dynamodb.Query      an iterator: `for item in table:query { … } do`
function table_methods:query(keys, options)
  return query.new(self, nil, "Query", keys, options)
end

--- All items, in no order.
---@param options table?    as for `query` without reverse, and: segments (a number: so many parts are read at the same
---                         time), concurrency (how many of them; 16), segment (reads only that one of the segments, for
---                         programs that share the work)
---@return dynamodb.Query   an iterator: `for item in table:scan() do`
function table_methods:scan(options)
  return query.new(self, nil, "Scan", nil, options)
end

--- An index of the table. No request is made; an index that was not declared is described when it is needed.
---@param name string    its name in DynamoDB
---@return dynamodb.Index
function table_methods:index(name)
  return index.new(self, name)
end

--- Puts many items, over whatever is there, 25 to a request; what the service leaves over is sent again. Of several
--- items with one key the last one wins. Items that cannot be written do not keep others from it.
---@param items table|function    a list, an iterator (a function, a query), or an object whose `next` gives items
---@param options table?          concurrency (4, where the runtime has tasks), wcu (capacity units a second), deadline
---                               (on db:now()), timeout (seconds in all; none by default), stall (seconds without any
---                               progress until it gives up; 60), max_failed (100), budget (bytes held; 16 MB),
---                               progress and on_failed (functions, called with the counts and with a failure)
---@return dynamodb.BatchReport? report    only if all of it is done
---@return dynamodb.Error?                 else: code Incomplete, with `report`, and `cause` if the iterator raised
function table_methods:put_all(items, options)
  return batch.write_all(self, "put", items, options)
end

--- Deletes many items; that some were not there is no failure.
---@param keys table|function    a list or an iterator, as for `put_all`; every attribute of the key in each
---@param options table?         as for `put_all`
---@return dynamodb.BatchReport? report
---@return dynamodb.Error?
function table_methods:delete_all(keys, options)
  return batch.write_all(self, "delete", keys, options)
end

--- Reads many items, 100 to a request. A key that stands there several times is asked for once.
---@param keys table|function    a list or an iterator; every attribute of the key in each
---@param options table?         attributes (a list of paths), consistent (boolean), rcu (capacity units a second),
---                              concurrency, deadline, timeout, stall, progress
---@return table? found          found[i] is the item of keys[i], or false if there is none
---@return dynamodb.Error?       code Incomplete, with `report` and in it `found` as far as it came
---@return dynamodb.BatchReport? report    with `missing`, the numbers of the keys that have no item
function table_methods:get_all(keys, options)
  return batch.get_all(self, keys, options)
end

--- What the table is: keys, indexes, billing, size, stream, time to live. Its keys and indexes are known to `self` from
--- then on.
---@param options table?    tags (true: these, too), ttl (false: without, which saves a request), timeout (seconds),
---                         deadline
---@return dynamodb.TableDescription?
---@return dynamodb.Error?
---@return dynamodb.Meta?
function table_methods:describe(options)
  return tables.describe(self, options)
end

--- Changes the table and waits until that is done: `orders:alter { indexes = { GSI2 = { partition = "email" }, old =
--- false }, ttl = "expires" }`. What is so already is no change. DynamoDB takes one change of an index at a time; each
--- is waited for before the next one. Turning on the time to live is not waited for.
---@param changes table     as in a table's spec (dynamodb.TableSpec), without name and key; `false` removes an index, a
---                         tag, the stream or the time to live; raw has members of UpdateTable
---@param options table?    plan (true: change nothing, return the steps), replace_indexes (true: an index with another
---                         key or projection is removed and made anew), wait (false: not for the last step), timeout
---                         (seconds in all; 600, false for none), deadline (on db:now())
---@return dynamodb.Table|dynamodb.Plan|nil table    itself; with plan = true, the steps
---@return dynamodb.Error?    code ImpossibleChange with `problems`, before anything is changed; else with `step`
---@return dynamodb.Meta?     with `plan`, the steps that were taken
function table_methods:alter(changes, options)
  return admin.alter(self, changes, options)
end

--- The time to live: its status ("ENABLED", "DISABLED", "ENABLING", "DISABLING") and its attribute.
---@param options table?    timeout (seconds), deadline
---@return table? ttl       `{ status = "ENABLED", attribute = "expires" }`
---@return dynamodb.Error?
---@return dynamodb.Meta?
function table_methods:ttl(options)
  return tables.ttl(self.client, self.name, option_rules.check(options, LIMITING, "ttl"))
end

--- Waits until the table has the state that is wanted: "active", "gone", "index", "ttl", "stream", "pitr", "kinesis",
--- "insights"; see `db:wait`.
---@param what string
---@param options table?    timeout (seconds in all; 600, false for none), deadline, index (the name), stream (an ARN)
---@return any value        what was looked at, as DynamoDB describes it; true if it is gone
---@return dynamodb.Error?  code WaitFailed or DeadlineExceeded, with `state`
function table_methods:wait(what, options)
  return waiters.wait_for_table(self, what, options)
end

--- In nginx: the same table, its items read through a cache in a `lua_shared_dict`, which all workers share. Of
--- requests for one item at the same time one is sent. Writes through what is returned (put, create, update, delete)
--- are seen by its next `get` on this machine; what is written elsewhere is seen when `ttl` is over, or after
--- `:forget(key)`.
---
--- ```lua no-run
--- local users = db:table("users", { partition = "pk" }):cached { dict = "dynamodb", ttl = 10, stale = 300 }
--- local user, err, meta = users:get { pk = "USER#1" }       -- meta.cache: "hit", "miss", "shared" or "stale"
--- ```
---@param options table    dict (the name of a lua_shared_dict), ttl (seconds for which an item is given out without
---                        asking; 0.1 at least), stale (seconds more for which it is, when DynamoDB throttles, takes
---                        too long or cannot be reached; 0), negative (seconds for which it is known that there is no
---                        item; 0). Clients of different accounts need different dictionaries
---@return dynamodb.Cache    with get, put, create, update, delete and forget
function table_methods:cached(options)
  if not shared.is_nginx() then usage.raise "cached: only nginx has shared dictionaries" end
  return require("dynamodb.nginx.cache").new(self, options)
end

return { new = new }
