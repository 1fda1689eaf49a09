--- What can be waited for: where one has to look, and what the states mean that are seen there.
---
--- The states that end a wait are those of the AWS SDKs' waiters, where they have one.
local goals = {}

local BROKEN = {
  DELETING = true, ARCHIVING = true, ARCHIVED = true, INACCESSIBLE_ENCRYPTION_CREDENTIALS = true,
  REPLICATION_NOT_AUTHORIZED = true,
}

--- The element at the end of a way into an answer: what is not there is nil, whoever answered.
local function at(value, ...)
  for i = 1, select("#", ...) do
    value = type(value) == "table" and value[(select(i, ...))] or nil
  end
  return value
end

--- The elements of a list in an answer.
local function each(list)
  return ipairs(type(list) == "table" and list or {})
end

---@param status any
---@param done string
---@param failed table<string, boolean>?
---@return "done"|"failed"|nil
local function verdict_of(status, done, failed)
  if status == done then return "done" end
  return failed and failed[status] and "failed" or nil
end

--- What of the table is not ready: its state, and whether that is bad.
local function judge_settled(answer)
  local described = at(answer, "Table")
  local status = at(described, "TableStatus")
  if status ~= "ACTIVE" then return status, BROKEN[status] and "failed" or nil, described end
  for _, member in ipairs { "GlobalSecondaryIndexes", "VectorIndexes" } do
    for _, index in each(at(described, member)) do
      local state = at(index, "IndexStatus")
      if at(index, "Backfilling") == true then state = "backfilling" end
      if state ~= "ACTIVE" then return ("index %s %s"):format(at(index, "IndexName"), state), nil, described end
    end
  end
  local encryption = at(described, "SSEDescription", "Status")
  if encryption == "ENABLING" or encryption == "DISABLING" or encryption == "UPDATING" then
    return "encryption " .. encryption, nil, described
  end
  return status, "done", described
end

local function judge_index(answer, options, seen)
  local described = at(answer, "Table")
  for _, member in ipairs { "GlobalSecondaryIndexes", "LocalSecondaryIndexes", "VectorIndexes" } do
    for _, index in each(at(described, member)) do
      if at(index, "IndexName") == options.index then
        local status = at(index, "IndexStatus") or at(described, "TableStatus") -- local ones have none of their own
        if at(index, "Backfilling") == true then return "backfilling", nil, index end
        seen.index = true
        return status, verdict_of(status, "ACTIVE", { DELETING = true }), index
      end
    end
  end
  -- Not there yet; one that has been there was removed.
  return "missing", (seen.index or BROKEN[at(described, "TableStatus")]) and "failed" or nil
end

local function judge_stream(answer)
  local described = at(answer, "Table")
  local enabled = at(described, "StreamSpecification", "StreamEnabled") == true
  local status = at(described, "TableStatus")
  if BROKEN[status] then return status, "failed" end
  local ready = enabled and status == "ACTIVE" and at(described, "LatestStreamArn") ~= nil
  return enabled and "enabled" or "disabled", ready and "done" or nil, described
end

local function judge_kinesis(answer, options)
  local list = at(answer, "KinesisDataStreamDestinations")
  local states, alive = {}, false
  for _, destination in each(list) do
    if not options.stream or at(destination, "StreamArn") == options.stream then
      local status = at(destination, "DestinationStatus")
      if status == "ACTIVE" then return status, "done", destination end
      alive = alive or status ~= "DISABLED" and status ~= "ENABLE_FAILED"
      states[#states + 1] = tostring(status)
    end
  end
  if not states[1] then return "missing" end
  return table.concat(states, ", "), not alive and "failed" or nil
end

--- A judge of one status in an answer.
---@param member string     of the answer, whose value is the result
---@param status string     the member of that, or of the answer, with the status
---@param done table<string, boolean>
---@param failed table<string, boolean>?
---@param reason string?    beside the status, why it failed
local function judge(member, status, done, failed, reason)
  return function(answer)
    local value = at(answer, member)
    if type(value) ~= "table" then value = answer end
    local state = at(value, status)
    local verdict = done[state] and "done" or failed and failed[state] and "failed" or nil
    return state, verdict, value, at(value, reason)
  end
end

---@class dynamodb.Goal    what is waited for
---@field text string          "%s to be ACTIVE": for messages
---@field operation string     that looks at it
---@field subject string       the operation's member for what the caller names
---@field judge fun(answer: table, options: table, seen: table): string?, string?, any, string?    gives the state,
---                            "done" or "failed" if it is one of both, the result, and why it failed
---@field missing "done"|"wait"|nil    what it means that the table is not there; nil: an error
---@field options table<string, boolean>?

local DONE, FAILED = { COMPLETED = true }, { FAILED = true, CANCELLED = true }

---@type table<string, dynamodb.Goal>
local GOALS = {
  active = {
    text = "%s to be ACTIVE", operation = "DescribeTable", subject = "TableName", missing = "wait",
    judge = judge("Table", "TableStatus", { ACTIVE = true }, BROKEN),
  },
  gone = {
    text = "%s to be gone", operation = "DescribeTable", subject = "TableName", missing = "done",
    judge = judge("Table", "TableStatus", {}),
  },
  index = {
    text = "%s to be ACTIVE", operation = "DescribeTable", subject = "TableName", judge = judge_index,
    options = { index = true },
  },
  ttl = {
    text = "the time to live of %s to be ENABLED", operation = "DescribeTimeToLive", subject = "TableName",
    judge = judge("TimeToLiveDescription", "TimeToLiveStatus", { ENABLED = true }),
  },
  stream = {
    text = "the stream of %s to be enabled", operation = "DescribeTable", subject = "TableName", judge = judge_stream,
  },
  pitr = {
    text = "point-in-time recovery of %s to be ENABLED", operation = "DescribeContinuousBackups", subject = "TableName",
    judge = function(answer)
      local value = at(answer, "ContinuousBackupsDescription", "PointInTimeRecoveryDescription")
      local state = at(value, "PointInTimeRecoveryStatus")
      return state, verdict_of(state, "ENABLED"), value
    end,
  },
  kinesis = {
    text = "a Kinesis destination of %s to be ACTIVE", operation = "DescribeKinesisStreamingDestination",
    subject = "TableName", judge = judge_kinesis, options = { stream = true },
  },
  insights = {
    text = "contributor insights of %s to be ENABLED", operation = "DescribeContributorInsights",
    subject = "TableName", options = { index = true },
    judge = function(answer)
      local state = at(answer, "ContributorInsightsStatus")
      return state, verdict_of(state, "ENABLED", FAILED), answer, at(answer, "FailureException", "ExceptionDescription")
    end,
  },
  export = {
    text = "the export %s to be COMPLETED", operation = "DescribeExport", subject = "ExportArn",
    judge = judge("ExportDescription", "ExportStatus", DONE, FAILED, "FailureMessage"),
  },
  import = {
    text = "the import %s to be COMPLETED", operation = "DescribeImport", subject = "ImportArn",
    judge = judge("ImportTableDescription", "ImportStatus", DONE, FAILED, "FailureMessage"),
  },
  bulk = {
    text = "the bulk operation %s to be COMPLETED", operation = "DescribeBulkOperation", subject = "BulkOperationArn",
    judge = judge("BulkOperationDescription", "BulkOperationStatus",
      { COMPLETED = true, COMPLETED_WITH_ERRORS = true }, FAILED, "FailureMessage"),
  },
  backup = {
    text = "the backup %s to be AVAILABLE", operation = "DescribeBackup", subject = "BackupArn",
    judge = function(answer)
      local value = at(answer, "BackupDescription", "BackupDetails")
      local state = at(value, "BackupStatus")
      return state, verdict_of(state, "AVAILABLE", { DELETED = true }), value
    end,
  },
}

--- What programs ask for, by its name.
goals.public = GOALS

--- A table and its indexes at rest: only then they can be changed.
---@type dynamodb.Goal
goals.settled = {
  text = "%s and its indexes to be ACTIVE", operation = "DescribeTable", subject = "TableName", missing = "wait",
  judge = judge_settled,
}

--- Is a table at rest, as it is described?
---@param described table    the member Table of DescribeTable's answer
---@return boolean
function goals.is_settled(described)
  local _, verdict = judge_settled { Table = described }
  return verdict == "done"
end

return goals
