"""One part at a time: stages, engines, exports, the index and its graph, the labeler, start-up."""
