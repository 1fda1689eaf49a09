--- The part of a plan that is about indexes. A global index is made and dropped, but not changed, apart from its
--- throughput; a local one is made with its table and stays as long as that.
local describe = require "dynamodb.admin.description"
local members = require "dynamodb.admin.members"

local index_steps = {}

--- An index as people read it: "index GSI1 (GSI1PK, GSI1SK N) ALL".
---@param name string
---@param index dynamodb.IndexSchema
---@param types table<string, string>
---@return string
function index_steps.in_words(name, index, types)
  return ("%sindex %s %s %s"):format(index.kind == "local" and "local " or "", name,
    describe.key_in_words(index.partition, index.sort, types), describe.projection_in_words(index))
end

---@param a string[]
---@param b string[]
---@return boolean
local function same_list(a, b)
  if #a ~= #b then return false end
  for i, name in ipairs(a) do
    if b[i] ~= name then return false end
  end
  return true
end

--- The types of an index's attributes: as wanted, else as they are, else strings.
---@param index dynamodb.IndexSchema
---@param spec table
---@param state dynamodb.TableState
---@return table<string, string>
local function types_of(index, spec, state)
  local types = {}
  for _, part in ipairs { "partition", "sort" } do
    for _, name in ipairs(index[part]) do types[name] = spec.types[name] or state.keys.types[name] or "S" end
  end
  return types
end

--- The types of an index's attributes, as they are.
local function own_types(index, state)
  return types_of(index, { types = {} }, state)
end

--- Why an index is another one than it is to be.
---@return string?    nil: it is the same
local function difference(index, is, spec, state)
  local wanted_types, types = types_of(index, spec, state), own_types(is, state)
  if index.kind ~= is.kind then return ("it is %s, not %s"):format(is.kind, index.kind) end
  local has_key = same_list(index.partition, is.partition) and same_list(index.sort, is.sort)
  for name, key_type in pairs(wanted_types) do has_key = has_key and types[name] == key_type end
  if not has_key then
    return ("its key is %s, not %s"):format(describe.key_in_words(is.partition, is.sort, types),
      describe.key_in_words(index.partition, index.sort, wanted_types))
  end
  local has, wanted = describe.projection_in_words(is), describe.projection_in_words(index)
  if has ~= wanted then return ("it has %s, not %s"):format(has, wanted) end
end

--- Those that are there; one that is being dropped is not.
local function present(state)
  local indexes = {}
  for name, index in pairs(state.keys.indexes) do
    if state.about.indexes[name].status ~= "DELETING" then indexes[name] = index end
  end
  return indexes
end

--- Will the table's capacity be provisioned, and what is it?
---@return table?    { read =, write = }
local function billing_to_be(spec, state)
  local billing = spec.billing or state.about.billing
  return type(billing) == "table" and billing or nil
end

--- What an index will have, of a table that is provisioned then.
---@param index table?    of the spec
---@param is table?       of the description
---@param billing table
---@return table
local function capacity_to_be(index, is, billing)
  index, is = index or {}, is or {}
  return { read = index.read or is.read or billing.read, write = index.write or is.write or billing.write }
end

--- The throughput that all global indexes need when their table becomes provisioned.
---@param spec table
---@param state dynamodb.TableState
---@return table[]?    GlobalSecondaryIndexUpdates
function index_steps.first_capacities(spec, state)
  local updates, indexes = {}, present(state)
  for _, name in ipairs(members.sorted(indexes)) do
    if indexes[name].kind == "global" then
      local capacity = capacity_to_be(spec.indexes[name], nil, spec.billing)
      updates[#updates + 1] = { Update = {
        IndexName = name, ProvisionedThroughput = members.throughput(capacity.read, capacity.write),
      } }
    end
  end
  return updates[1] and updates
end

--- Which indexes have to go, and which to come.
---@return string[] gone
---@return string[] new
local function compare(made, spec, state, options)
  local indexes, gone, new = present(state), {}, {}
  local function drop(name)
    if indexes[name].kind == "local" then
      made:refuse("index %s is local: it cannot be removed", name)
    else
      gone[#gone + 1] = name
    end
  end
  for _, name in ipairs(members.sorted(indexes)) do
    local wanted = spec.indexes[name]
    if wanted == false or wanted == nil and options.prune then drop(name) end
  end
  for _, name in ipairs(members.sorted(spec.indexes)) do
    local wanted, is = spec.indexes[name], indexes[name]
    if wanted and wanted.kind == "local" then wanted.partition = { state.keys.partition } end
    local why = wanted and is and difference(wanted, is, spec, state)
    if wanted and wanted.kind == "local" and (why or not is) then
      made:refuse("index %s is local: %s", name, is and why or "it can only be made with the table")
    elseif why and is.kind == "local" then
      made:refuse("index %s: %s", name, why)
    elseif why and not options.replace_indexes then
      made:refuse("index %s: %s; only replace_indexes = true removes it and makes it anew", name, why)
    elseif wanted and (why or not is) then
      if is then gone[#gone + 1] = name end
      new[#new + 1] = name
    end
  end
  table.sort(gone)
  return gone, new
end

--- The types of new indexes' attributes must be those which the keys have that stay.
local function check_types(made, spec, state, gone, new)
  local kept = present(state)
  for _, name in ipairs(gone) do kept[name] = nil end
  local users = { [state.keys.partition] = "the key" }
  if state.keys.sort then users[state.keys.sort] = "the key" end
  for _, name in ipairs(members.sorted(kept)) do
    for _, part in ipairs { "partition", "sort" } do
      for _, attribute in ipairs(kept[name][part]) do users[attribute] = users[attribute] or "index " .. name end
    end
  end
  for _, name in ipairs(new) do
    local types = types_of(spec.indexes[name], spec, state)
    for _, attribute in ipairs(members.sorted(types)) do
      local is = users[attribute] and state.keys.types[attribute]
      if is and is ~= types[attribute] then
        made:refuse("index %s: %s is of type %s for %s and cannot be %s", name, attribute, is, users[attribute],
          types[attribute])
      end
    end
  end
end

--- The throughput of indexes that stay.
local function plan_capacity(made, spec, state, gone)
  local billing, was = billing_to_be(spec, state), state.about.billing
  local indexes = present(state)
  for _, name in ipairs(gone) do indexes[name] = nil end
  for _, name in ipairs(members.sorted(indexes)) do
    local wanted, is = spec.indexes[name] or {}, state.about.indexes[name]
    if (wanted.read or wanted.write) and type(was) == "table" and billing then
      local capacity = capacity_to_be(wanted, is, billing)
      if capacity.read ~= is.read or capacity.write ~= is.write then
        local before = is.read and is.write and describe.billing_in_words(is) or "unknown"
        made:add("change", "index", name, ("index %s: %s -> %s"):format(name, before,
          describe.billing_in_words(capacity)), { "UpdateTable", { GlobalSecondaryIndexUpdates = { { Update = {
            IndexName = name, ProvisionedThroughput = members.throughput(capacity.read, capacity.write),
          } } } } })
      end
    end
  end
end

local function check_capacity(made, spec, state)
  if billing_to_be(spec, state) then return end
  for _, name in ipairs(members.sorted(spec.indexes)) do
    local index = spec.indexes[name]
    if index and (index.read or index.write) then
      made:refuse("index %s: read and write belong to billing = { read =, write = }, but the table is on demand", name)
    end
  end
end

--- Adds the steps of indexes: what goes makes room for what comes.
---@param made dynamodb.Plan
---@param spec table
---@param state dynamodb.TableState
---@param options table    replace_indexes, prune
function index_steps.add(made, spec, state, options)
  local gone, new = compare(made, spec, state, options)
  check_types(made, spec, state, gone, new)
  check_capacity(made, spec, state)
  for _, name in ipairs(gone) do
    made:add("remove", "index", name, "index " .. name,
      { "UpdateTable", { GlobalSecondaryIndexUpdates = { { Delete = { IndexName = name } } } } })
  end
  local billing = billing_to_be(spec, state)
  for _, name in ipairs(new) do
    local index = spec.indexes[name]
    local types = types_of(index, spec, state)
    local create = members.index(name, index, billing and capacity_to_be(index, nil, billing))
    made:add("add", "index", name, index_steps.in_words(name, index, types), { "UpdateTable", {
      AttributeDefinitions = members.definitions(types),
      GlobalSecondaryIndexUpdates = { { Create = create } },
    } })
  end
  plan_capacity(made, spec, state, gone)
end

return index_steps
