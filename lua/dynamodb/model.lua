--- The operations of DynamoDB and DynamoDB Streams: where AttributeValues stand, and what a client must know of each.
--- Generated from AWS's service model by `lua5.4 tools/model.lua`; do not edit.
---
--- input     shape text with every member (see core.shape): `v` an AttributeValue, `i` a map of them, `[]` a list,
---           `{}` a map with the user's keys, `()` a structure, a name alone a plain member
--- output    shape text of what leads to an AttributeValue; nil when nothing does
--- endpoint  the input member with the name or ARN that the endpoint rules look at: `[]` each element of a list,
---           `{}` the keys of a map, `|` between alternatives
--- read      the operation changes nothing; token: its idempotency member; search: it goes to the search hosts

local GlobalSecondaryIndex = "(IndexName,KeySchema [(AttributeName,KeyType)],Projection (NonKeyAttributes [],"
  .. "ProjectionType),OnDemandThroughput (MaxReadRequestUnits,MaxWriteRequestUnits),"
  .. "ProvisionedThroughput (ReadCapacityUnits,WriteCapacityUnits),WarmThroughput (ReadUnitsPerSecond,"
  .. "WriteUnitsPerSecond))"
local LocalSecondaryIndex = "(IndexName,KeySchema [(AttributeName,KeyType)],Projection (NonKeyAttributes [],"
  .. "ProjectionType))"
local VectorIndex = "(IndexName,VectorAttribute (AttributeName),Projection (NonKeyAttributes [],ProjectionType),"
  .. "Dimensions,DistanceFunction,SearchSchema [(AttributeName,SearchSchemaElementType)])"
local KinesisStreamingDestinationInput = "(TableName,StreamArn,"
  .. "EnableKinesisStreamingConfiguration (ApproximateCreationDateTimePrecision))"
local AutoScalingSettingsUpdate = "(AutoScalingDisabled,AutoScalingRoleArn,MaximumUnits,MinimumUnits,"
  .. "ScalingPolicyUpdate (TargetTrackingScalingPolicyConfiguration (TargetValue,DisableScaleIn,ScaleInCooldown,"
  .. "ScaleOutCooldown),PolicyName))"
local ReplicaGlobalSecondaryIndex = "(IndexName,OnDemandThroughputOverride (MaxReadRequestUnits),"
  .. "ProvisionedThroughputOverride (ReadCapacityUnits))"

local operations = {
  BatchExecuteStatement = {
    input = "(Statements [(Statement,ConsistentRead,Parameters [v],ReturnValuesOnConditionCheckFailure)],"
      .. "ReturnConsumedCapacity)",
    output = "(Responses [(Error (Item i),Item i)])" },
  BatchGetItem = { read = true, endpoint = "RequestItems{}",
    input = "(RequestItems {(Keys [i],AttributesToGet [],ConsistentRead,ExpressionAttributeNames {},"
      .. "ProjectionExpression)},ReturnConsumedCapacity)",
    output = "(Responses {[i]},UnprocessedKeys {(Keys [i])})" },
  BatchWriteItem = { endpoint = "RequestItems{}",
    input = "(RequestItems {[(DeleteRequest (Key i),PutRequest (Item i))]},ReturnConsumedCapacity,"
      .. "ReturnItemCollectionMetrics)",
    output = "(ItemCollectionMetrics {[(ItemCollectionKey i)]},UnprocessedItems {[(DeleteRequest (Key i),"
      .. "PutRequest (Item i))]})" },
  CancelBulkOperation = { endpoint = "BulkOperationArn", input = "(BulkOperationArn)" },
  CreateBackup = { endpoint = "TableName", input = "(TableName,BackupName)" },
  CreateGlobalTable = { endpoint = "GlobalTableName", input = "(GlobalTableName,ReplicationGroup [(RegionName)])" },
  CreateTable = { endpoint = "TableName",
    input = "(TableName,AttributeDefinitions [(AttributeName,AttributeType)],BillingMode,DeletionProtectionEnabled,"
      .. "GlobalSecondaryIndexes [" .. GlobalSecondaryIndex .. "],GlobalTableSettingsReplicationMode,"
      .. "GlobalTableSourceArn,KeySchema [(AttributeName,KeyType)],LocalSecondaryIndexes [" .. LocalSecondaryIndex
      .. "],OnDemandThroughput (MaxReadRequestUnits,MaxWriteRequestUnits),ProvisionedThroughput (ReadCapacityUnits,"
      .. "WriteCapacityUnits),ResourcePolicy,SSESpecification (Enabled,KMSMasterKeyId,SSEType),"
      .. "StreamSpecification (StreamEnabled,StreamViewType),TableClass,Tags [(Key,Value)],VectorIndexes ["
      .. VectorIndex .. "],WarmThroughput (ReadUnitsPerSecond,WriteUnitsPerSecond))" },
  DeleteBackup = { endpoint = "BackupArn", input = "(BackupArn)" },
  DeleteItem = { endpoint = "TableName",
    input = "(TableName,Key i,ConditionExpression,ConditionalOperator,Expected {(AttributeValueList [v],"
      .. "ComparisonOperator,Exists,Value v)},ExpressionAttributeNames {},ExpressionAttributeValues i,"
      .. "ReturnConsumedCapacity,ReturnItemCollectionMetrics,ReturnValues,ReturnValuesOnConditionCheckFailure)",
    output = "(Attributes i,ItemCollectionMetrics (ItemCollectionKey i))" },
  DeleteResourcePolicy = { endpoint = "ResourceArn", input = "(ResourceArn,ExpectedRevisionId)" },
  DeleteTable = { endpoint = "TableName", input = "(TableName)" },
  DescribeBackup = { read = true, endpoint = "BackupArn", input = "(BackupArn)" },
  DescribeBulkOperation = { read = true, endpoint = "BulkOperationArn", input = "(BulkOperationArn)" },
  DescribeContinuousBackups = { read = true, endpoint = "TableName", input = "(TableName)" },
  DescribeContributorInsights = { read = true, endpoint = "TableName", input = "(TableName,IndexName)" },
  DescribeEndpoints = { read = true, input = "{}" },
  DescribeExport = { read = true, endpoint = "ExportArn",
    input = "(ExportArn)",
    output = "(ExportDescription (FilterSpecification (ExpressionAttributeValues i)))" },
  DescribeGlobalTable = { read = true, endpoint = "GlobalTableName", input = "(GlobalTableName)" },
  DescribeGlobalTableSettings = { read = true, endpoint = "GlobalTableName", input = "(GlobalTableName)" },
  DescribeImport = { read = true, endpoint = "ImportArn", input = "(ImportArn)" },
  DescribeKinesisStreamingDestination = { read = true, endpoint = "TableName", input = "(TableName)" },
  DescribeLimits = { read = true, input = "{}" },
  DescribeStream = { service = "streams", read = true,
    input = "(StreamArn,ExclusiveStartShardId,Limit,ShardFilter (ShardId,Type))" },
  DescribeTable = { read = true, endpoint = "TableName", input = "(TableName)" },
  DescribeTableReplicaAutoScaling = { read = true, endpoint = "TableName", input = "(TableName)" },
  DescribeTimeToLive = { read = true, endpoint = "TableName", input = "(TableName)" },
  DisableKinesisStreamingDestination = { endpoint = "TableName", input = KinesisStreamingDestinationInput },
  EnableKinesisStreamingDestination = { endpoint = "TableName", input = KinesisStreamingDestinationInput },
  ExecuteStatement = {
    input = "(Statement,ConsistentRead,Limit,NextToken,Parameters [v],ReturnConsumedCapacity,"
      .. "ReturnValuesOnConditionCheckFailure)",
    output = "(Items [i],LastEvaluatedKey i)" },
  ExecuteTransaction = { token = "ClientRequestToken",
    input = "(TransactStatements [(Statement,Parameters [v],ReturnValuesOnConditionCheckFailure)],ClientRequestToken,"
      .. "ReturnConsumedCapacity)",
    output = "(Responses [(Item i)])" },
  ExportTableToPointInTime = { token = "ClientToken", endpoint = "TableArn",
    input = "(TableArn,S3Bucket,ClientToken,ExportFormat,ExportTime,ExportType,"
      .. "FilterSpecification (ExpressionAttributeNames {},ExpressionAttributeValues i,FilterExpression,"
      .. "KeyConditionExpression,ProjectionExpression),IncrementalExportSpecification (ExportFromTime,ExportToTime,"
      .. "ExportViewType),S3BucketOwner,S3Prefix,S3SseAlgorithm,S3SseKmsKeyId)",
    output = "(ExportDescription (FilterSpecification (ExpressionAttributeValues i)))" },
  GetItem = { read = true, endpoint = "TableName",
    input = "(TableName,Key i,AttributesToGet [],ConsistentRead,ExpressionAttributeNames {},ProjectionExpression,"
      .. "ReturnConsumedCapacity)",
    output = "(Item i)" },
  GetRecords = { service = "streams", read = true,
    input = "(ShardIterator,Limit)",
    output = "(Records [(dynamodb (Keys i,NewImage i,OldImage i))])" },
  GetResourcePolicy = { read = true, endpoint = "ResourceArn", input = "(ResourceArn)" },
  GetShardIterator = { service = "streams", read = true,
    input = "(StreamArn,ShardId,ShardIteratorType,SequenceNumber)" },
  ImportTable = { token = "ClientToken", endpoint = "TableCreationParameters.TableName",
    input = "(S3BucketSource (S3Bucket,S3BucketOwner,S3KeyPrefix),InputFormat,TableCreationParameters (TableName,"
      .. "AttributeDefinitions [(AttributeName,AttributeType)],KeySchema [(AttributeName,KeyType)],BillingMode,"
      .. "GlobalSecondaryIndexes [" .. GlobalSecondaryIndex .. "],OnDemandThroughput (MaxReadRequestUnits,"
      .. "MaxWriteRequestUnits),ProvisionedThroughput (ReadCapacityUnits,WriteCapacityUnits),SSESpecification (Enabled,"
      .. "KMSMasterKeyId,SSEType),VectorIndexes [" .. VectorIndex .. "]),ClientToken,InputCompressionType,"
      .. "InputFormatOptions (Csv (Delimiter,HeaderList [])))" },
  ListBackups = { read = true, endpoint = "TableName",
    input = "(BackupType,ExclusiveStartBackupArn,Limit,TableName,TimeRangeLowerBound,TimeRangeUpperBound)" },
  ListBulkOperations = { read = true, input = "(MaxResults,NextToken)" },
  ListContributorInsights = { read = true, endpoint = "TableName", input = "(MaxResults,NextToken,TableName)" },
  ListExports = { read = true, endpoint = "TableArn", input = "(MaxResults,NextToken,TableArn)" },
  ListGlobalTables = { read = true, input = "(ExclusiveStartGlobalTableName,Limit,RegionName)" },
  ListImports = { read = true, endpoint = "TableArn", input = "(NextToken,PageSize,TableArn)" },
  ListStreams = { service = "streams", read = true, input = "(ExclusiveStartStreamArn,Limit,TableName)" },
  ListTables = { read = true, input = "(ExclusiveStartTableName,Limit)" },
  ListTagsOfResource = { read = true, endpoint = "ResourceArn", input = "(ResourceArn,NextToken)" },
  PutItem = { endpoint = "TableName",
    input = "(TableName,Item i,ConditionExpression,ConditionalOperator,Expected {(AttributeValueList [v],"
      .. "ComparisonOperator,Exists,Value v)},ExpressionAttributeNames {},ExpressionAttributeValues i,"
      .. "ReturnConsumedCapacity,ReturnItemCollectionMetrics,ReturnValues,ReturnValuesOnConditionCheckFailure)",
    output = "(Attributes i,ItemCollectionMetrics (ItemCollectionKey i))" },
  PutResourcePolicy = { endpoint = "ResourceArn",
    input = "(ResourceArn,Policy,ConfirmRemoveSelfResourceAccess,ExpectedRevisionId)" },
  Query = { read = true, endpoint = "TableName",
    input = "(TableName,AttributesToGet [],ConditionalOperator,ConsistentRead,ExclusiveStartKey i,"
      .. "ExpressionAttributeNames {},ExpressionAttributeValues i,FilterExpression,IndexName,KeyConditionExpression,"
      .. "KeyConditions {(ComparisonOperator,AttributeValueList [v])},Limit,ProjectionExpression,"
      .. "QueryFilter {(ComparisonOperator,AttributeValueList [v])},ReturnConsumedCapacity,ScanIndexForward,Select)",
    output = "(Items [i],LastEvaluatedKey i)" },
  RestoreTableFromBackup = { endpoint = "TargetTableName",
    input = "(TargetTableName,BackupArn,BillingModeOverride,GlobalSecondaryIndexOverride [" .. GlobalSecondaryIndex
      .. "],LocalSecondaryIndexOverride [" .. LocalSecondaryIndex .. "],"
      .. "OnDemandThroughputOverride (MaxReadRequestUnits,MaxWriteRequestUnits),"
      .. "ProvisionedThroughputOverride (ReadCapacityUnits,WriteCapacityUnits),SSESpecificationOverride (Enabled,"
      .. "KMSMasterKeyId,SSEType),VectorIndexOverride [" .. VectorIndex .. "])" },
  RestoreTableToPointInTime = { endpoint = "TargetTableName",
    input = "(TargetTableName,BillingModeOverride,GlobalSecondaryIndexOverride [" .. GlobalSecondaryIndex .. "],"
      .. "LocalSecondaryIndexOverride [" .. LocalSecondaryIndex .. "],OnDemandThroughputOverride (MaxReadRequestUnits,"
      .. "MaxWriteRequestUnits),ProvisionedThroughputOverride (ReadCapacityUnits,WriteCapacityUnits),RestoreDateTime,"
      .. "SSESpecificationOverride (Enabled,KMSMasterKeyId,SSEType),SourceTableArn,SourceTableName,"
      .. "UseLatestRestorableTime,VectorIndexOverride [" .. VectorIndex .. "])" },
  Scan = { read = true, endpoint = "TableName",
    input = "(TableName,AttributesToGet [],ConditionalOperator,ConsistentRead,ExclusiveStartKey i,"
      .. "ExpressionAttributeNames {},ExpressionAttributeValues i,FilterExpression,IndexName,Limit,"
      .. "ProjectionExpression,ReturnConsumedCapacity,ScanFilter {(ComparisonOperator,AttributeValueList [v])},Segment,"
      .. "Select,TotalSegments)",
    output = "(Items [i],LastEvaluatedKey i)" },
  SearchVectors = { read = true, search = true, endpoint = "TableName",
    input = "(TableName,IndexName,SearchVector [v],TopK,ExpressionAttributeNames {},ExpressionAttributeValues i,"
      .. "ProjectionExpression,ReturnConsumedCapacity,SearchConditionExpression)",
    output = "(SearchResults [(Item i)])" },
  StartBulkPutItems = { token = "ClientToken", endpoint = "TableName",
    input = "(InputS3Configuration (S3Bucket,InputFormat,InputCompressionType,S3BucketOwner,S3KeyPrefix),"
      .. "OutputS3Configuration (OutputType [],S3Bucket,S3BucketOwner,S3KeyPrefix,S3SseAlgorithm,S3SseKmsKeyId),"
      .. "TableName,ClientToken,MaxWriteRequestUnits,PerformanceTier)" },
  TagResource = { endpoint = "ResourceArn", input = "(ResourceArn,Tags [(Key,Value)])" },
  TransactGetItems = { read = true, endpoint = "TransactItems[].Get.TableName",
    input = "(TransactItems [(Get (Key i,TableName,ExpressionAttributeNames {},ProjectionExpression))],"
      .. "ReturnConsumedCapacity)",
    output = "(Responses [(Item i)])" },
  TransactWriteItems = { token = "ClientRequestToken",
    endpoint = "TransactItems[].ConditionCheck|Put|Delete|Update.TableName",
    input = "(TransactItems [(ConditionCheck (Key i,TableName,ConditionExpression,ExpressionAttributeNames {},"
      .. "ExpressionAttributeValues i,ReturnValuesOnConditionCheckFailure),Delete (Key i,TableName,ConditionExpression,"
      .. "ExpressionAttributeNames {},ExpressionAttributeValues i,ReturnValuesOnConditionCheckFailure),Put (Item i,"
      .. "TableName,ConditionExpression,ExpressionAttributeNames {},ExpressionAttributeValues i,"
      .. "ReturnValuesOnConditionCheckFailure),Update (Key i,UpdateExpression,TableName,ConditionExpression,"
      .. "ExpressionAttributeNames {},ExpressionAttributeValues i,ReturnValuesOnConditionCheckFailure))],"
      .. "ClientRequestToken,ReturnConsumedCapacity,ReturnItemCollectionMetrics)",
    output = "(ItemCollectionMetrics {[(ItemCollectionKey i)]})" },
  UntagResource = { endpoint = "ResourceArn", input = "(ResourceArn,TagKeys [])" },
  UpdateContinuousBackups = { endpoint = "TableName",
    input = "(TableName,PointInTimeRecoverySpecification (PointInTimeRecoveryEnabled,RecoveryPeriodInDays))" },
  UpdateContributorInsights = { endpoint = "TableName",
    input = "(TableName,ContributorInsightsAction,ContributorInsightsMode,IndexName)" },
  UpdateGlobalTable = { endpoint = "GlobalTableName",
    input = "(GlobalTableName,ReplicaUpdates [(Create (RegionName),Delete (RegionName))])" },
  UpdateGlobalTableSettings = { endpoint = "GlobalTableName",
    input = "(GlobalTableName,GlobalTableBillingMode,GlobalTableGlobalSecondaryIndexSettingsUpdate [(IndexName,"
      .. "ProvisionedWriteCapacityAutoScalingSettingsUpdate " .. AutoScalingSettingsUpdate .. ","
      .. "ProvisionedWriteCapacityUnits)],GlobalTableProvisionedWriteCapacityAutoScalingSettingsUpdate "
      .. AutoScalingSettingsUpdate .. ",GlobalTableProvisionedWriteCapacityUnits,ReplicaSettingsUpdate [(RegionName,"
      .. "ReplicaGlobalSecondaryIndexSettingsUpdate [(IndexName,ProvisionedReadCapacityAutoScalingSettingsUpdate "
      .. AutoScalingSettingsUpdate .. ",ProvisionedReadCapacityUnits)],"
      .. "ReplicaProvisionedReadCapacityAutoScalingSettingsUpdate " .. AutoScalingSettingsUpdate .. ","
      .. "ReplicaProvisionedReadCapacityUnits,ReplicaTableClass)])" },
  UpdateItem = { endpoint = "TableName",
    input = "(TableName,Key i,AttributeUpdates {(Action,Value v)},ConditionExpression,ConditionalOperator,"
      .. "Expected {(AttributeValueList [v],ComparisonOperator,Exists,Value v)},ExpressionAttributeNames {},"
      .. "ExpressionAttributeValues i,ReturnConsumedCapacity,ReturnItemCollectionMetrics,ReturnValues,"
      .. "ReturnValuesOnConditionCheckFailure,UpdateExpression)",
    output = "(Attributes i,ItemCollectionMetrics (ItemCollectionKey i))" },
  UpdateKinesisStreamingDestination = { endpoint = "TableName",
    input = "(TableName,StreamArn,UpdateKinesisStreamingConfiguration (ApproximateCreationDateTimePrecision))" },
  UpdateTable = { endpoint = "TableName",
    input = "(TableName,AttributeDefinitions [(AttributeName,AttributeType)],BillingMode,DeletionProtectionEnabled,"
      .. "DisassociationProtectionEnabled,GlobalSecondaryIndexUpdates [(Create (IndexName,KeySchema [(AttributeName,"
      .. "KeyType)],Projection (NonKeyAttributes [],ProjectionType),OnDemandThroughput (MaxReadRequestUnits,"
      .. "MaxWriteRequestUnits),ProvisionedThroughput (ReadCapacityUnits,WriteCapacityUnits),"
      .. "WarmThroughput (ReadUnitsPerSecond,WriteUnitsPerSecond)),Delete (IndexName),Update (IndexName,"
      .. "OnDemandThroughput (MaxReadRequestUnits,MaxWriteRequestUnits),ProvisionedThroughput (ReadCapacityUnits,"
      .. "WriteCapacityUnits),WarmThroughput (ReadUnitsPerSecond,WriteUnitsPerSecond)))],"
      .. "GlobalTableSettingsReplicationMode,GlobalTableWitnessUpdates [(Create (RegionName),Delete (RegionName))],"
      .. "MultiRegionConsistency,OnDemandThroughput (MaxReadRequestUnits,MaxWriteRequestUnits),"
      .. "ProvisionedThroughput (ReadCapacityUnits,WriteCapacityUnits),ReplicaUpdates [(Create (RegionName,"
      .. "GlobalSecondaryIndexes [" .. ReplicaGlobalSecondaryIndex .. "],KMSMasterKeyId,"
      .. "OnDemandThroughputOverride (MaxReadRequestUnits),ProvisionedThroughputOverride (ReadCapacityUnits),"
      .. "TableClassOverride),Delete (RegionName),Disassociate (RegionName,DisassociationMode),Update (RegionName,"
      .. "GlobalSecondaryIndexes [" .. ReplicaGlobalSecondaryIndex .. "],KMSMasterKeyId,"
      .. "OnDemandThroughputOverride (MaxReadRequestUnits),ProvisionedThroughputOverride (ReadCapacityUnits),"
      .. "TableClassOverride))],SSESpecification (Enabled,KMSMasterKeyId,SSEType),StreamSpecification (StreamEnabled,"
      .. "StreamViewType),TableClass,VectorIndexUpdates [(Create (IndexName,VectorAttribute (AttributeName),"
      .. "Projection (NonKeyAttributes [],ProjectionType),Dimensions,DistanceFunction,SearchSchema [(AttributeName,"
      .. "SearchSchemaElementType)]),Delete (IndexName))],WarmThroughput (ReadUnitsPerSecond,WriteUnitsPerSecond))" },
  UpdateTableReplicaAutoScaling = { endpoint = "TableName",
    input = "(TableName,GlobalSecondaryIndexUpdates [(IndexName,ProvisionedWriteCapacityAutoScalingUpdate "
      .. AutoScalingSettingsUpdate .. ")],ProvisionedWriteCapacityAutoScalingUpdate " .. AutoScalingSettingsUpdate
      .. ",ReplicaUpdates [(RegionName,ReplicaGlobalSecondaryIndexUpdates [(IndexName,"
      .. "ProvisionedReadCapacityAutoScalingUpdate " .. AutoScalingSettingsUpdate .. ")],"
      .. "ReplicaProvisionedReadCapacityAutoScalingUpdate " .. AutoScalingSettingsUpdate .. ")])" },
  UpdateTimeToLive = { endpoint = "TableName", input = "(TableName,TimeToLiveSpecification (Enabled,AttributeName))" },
}

local targets = { dynamodb = "DynamoDB_20120810.", streams = "DynamoDBStreams_20120810." }
for name, operation in pairs(operations) do
  operation.service = operation.service or "dynamodb"
  operation.target = targets[operation.service] .. name
end

return { operations = operations, error = "(Item i,CancellationReasons [(Item i)])" }
