--- Full items behind the entries of an index that has only some of their attributes.

--- Puts the table's items in the place of the index's entries. What the table does not have any more is left out and
--- counted.
---@param stream dynamodb.QueryStream
---@param page dynamodb.QueryPage
---@return dynamodb.QueryPage?
---@return dynamodb.Error?
local function hydrate(stream, page)
  if #page.items == 0 then return page end
  local plan, options = stream.plan, stream.options
  local own, keys = plan.table.schema, {}
  for i, entry in ipairs(page.positions) do
    keys[i] = { [own.partition] = entry[own.partition] }
    if own.sort then keys[i][own.sort] = entry[own.sort] end
  end
  local found, err, report = plan.table:get_all(keys, {
    attributes = options.attributes, consistent = options.consistent, deadline = stream.deadline, rcu = options.rcu,
  })
  if not found then return nil, err end
  local items, positions = {}, {}
  for i, item in ipairs(found) do
    if item then
      items[#items + 1], positions[#positions + 1] = item, page.positions[i]
    else
      page.gone = page.gone + 1
    end
  end
  page.items, page.positions = items, positions
  page.hydrated = report.capacity[plan.table.name]
  return page
end

return hydrate
