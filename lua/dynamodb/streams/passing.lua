--- May what failed succeed later, so that somebody who has time tries it again?
local PASSING = {
  DeadlineExceeded = true, Timeout = true, ConnectionError = true, ExpiredIteratorException = true,
  TransactionConflictException = true, -- somebody's transaction has the row of a lease just now
}

---@param err dynamodb.Error
---@return boolean
return function(err)
  return err.retryable or PASSING[err.code] == true
end
