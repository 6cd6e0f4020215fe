"""From a finished run to answers: logits of many texts, the predictor, streams of lines."""
