--- What a job is going to cost: from the table's size as its description says it, which is some hours old.
local estimate = {}

-- Bytes that a unit reads, eventually consistent, and writes. Source: "Read and write operations", Developer Guide.
local READ_BYTES, WRITE_BYTES = 8192, 1024

---@class dynamodb.Estimate
---@field items integer
---@field bytes integer
---@field rcu number          capacity units that reading all of it takes
---@field wcu number          and writing: of the table alone, as if every item were written unless a sample tells more;
---                           indexes that have what is changed cost as much again
---@field seconds number?     at the caps, if there are any
---@field money table?        at the given rates: read, write, total

--- The time and the money of an estimate.
---@param made dynamodb.Estimate
---@param options table    rcu, wcu, rates
---@return dynamodb.Estimate
function estimate.finish(made, options)
  local reading, writing = options.rcu and made.rcu / options.rcu, options.wcu and made.wcu / options.wcu
  if reading or writing then made.seconds = math.max(reading or 0, writing or 0) end
  local rates = options.rates
  if rates then
    local read, write = made.rcu / 1e6 * (rates.read or 0), made.wcu / 1e6 * (rates.write or 0)
    made.money = { read = read, write = write, total = read + write }
  end
  return made
end

--- An estimate from the table's description.
---@param target dynamodb.Table
---@param options table           rcu, wcu, rates, consistent
---@return dynamodb.Estimate?     nil if it may not be described
---@return dynamodb.Error?
function estimate.of_table(target, options)
  local about, err = target:describe { ttl = false }
  if not about then return nil, err end
  local items, bytes = about.items or 0, about.bytes or 0
  local per_item = items > 0 and math.max(1, math.ceil(bytes / items / WRITE_BYTES)) or 0
  local made = {
    items = items, bytes = bytes,
    rcu = math.ceil(bytes / READ_BYTES) * (options.consistent and 2 or 1), wcu = items * per_item,
  }
  return estimate.finish(made, options)
end

--- The same with what a sample showed.
---@param made dynamodb.Estimate
---@param seen integer      items of the sample
---@param units number      that writing them would take
---@param options table
---@return dynamodb.Estimate
function estimate.with_sample(made, seen, units, options)
  if seen > 0 then made.wcu = math.ceil(made.items * units / seen) end
  return estimate.finish(made, options)
end

return estimate
