--- May what failed succeed later, so that somebody who has time tries it again?
---@param err dynamodb.Error
---@return boolean
return function(err)
  return err.retryable or err.code == "DeadlineExceeded" or err.code == "Timeout" or err.code == "ConnectionError"
end
