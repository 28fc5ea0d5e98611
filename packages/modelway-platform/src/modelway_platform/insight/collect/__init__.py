"""From the segments that processes append to, to Parquet files that questions are asked of: nothing lost, nothing twice."""
