using System.Text.Json.Nodes;
using Btx.Model.Files;
using Google.Protobuf;

namespace Btx.Exporter;

/// <summary>Makes a model directory that ONNX Runtime GenAI loads out of a Hugging Face one: <c>model.onnx</c>, whose weights point into
/// the directory's <c>model.safetensors</c>, and <c>genai_config.json</c>.</summary>
internal static class GenAIModel
{
    public const string GraphFile = "model.onnx", ConfigFile = "genai_config.json";

    /// <param name="directory">Holds weights in the precision given, config and tokenizer.</param>
    public static void Write(string directory, GraphPrecision precision)
    {
        using var checkpoint = Checkpoint.Open(directory);
        var model = LlamaGraph.Build(checkpoint.Config, GraphForm.GenAI, precision, CheckpointPlacement.In(checkpoint.Files));
        RotaryTable.Write(Path.Combine(directory, WeightPlacements.RotaryFile), checkpoint.Config, precision);
        AtomicFile.Write(Path.Combine(directory, GraphFile), stream => model.WriteTo(stream));
        AtomicFile.WriteText(Path.Combine(directory, ConfigFile),
            Config(checkpoint.Config).ToJsonString(new() { WriteIndented = true }) + "\n");
    }

    private static JsonObject Config(LlamaConfig c) => new()
    {
        ["model"] = new JsonObject
        {
            ["type"] = "llama",
            ["bos_token_id"] = c.BosTokenId ?? 0,
            ["eos_token_id"] = c.EosTokenIds.Count > 1 ? new JsonArray([.. c.EosTokenIds.Select(id => (JsonNode)id)])
                : c.EosTokenIds.First ?? 0,
            ["pad_token_id"] = c.EosTokenIds.First ?? 0,
            ["context_length"] = c.MaxPositionEmbeddings,
            ["vocab_size"] = c.VocabSize,
            ["decoder"] = new JsonObject
            {
                ["session_options"] = new JsonObject { ["log_id"] = "onnxruntime-genai", ["provider_options"] = new JsonArray() },
                ["filename"] = GraphFile,
                ["head_size"] = c.HeadDim,
                ["hidden_size"] = c.HiddenSize,
                ["num_attention_heads"] = c.NumAttentionHeads,
                ["num_hidden_layers"] = c.NumHiddenLayers,
                ["num_key_value_heads"] = c.NumKeyValueHeads,
                ["inputs"] = new JsonObject
                {
                    ["input_ids"] = "input_ids",
                    ["attention_mask"] = "attention_mask",
                    ["past_key_names"] = "past_key_values.%d.key",
                    ["past_value_names"] = "past_key_values.%d.value",
                },
                ["outputs"] = new JsonObject
                {
                    ["logits"] = "logits",
                    ["present_key_names"] = "present.%d.key",
                    ["present_value_names"] = "present.%d.value",
                },
            },
        },
        ["search"] = new JsonObject
        {
            ["do_sample"] = false,
            ["num_beams"] = 1,
            ["num_return_sequences"] = 1,
            ["min_length"] = 0,
            ["max_length"] = c.MaxPositionEmbeddings,
            ["past_present_share_buffer"] = true,
            ["repetition_penalty"] = 1.0,
            ["temperature"] = 1.0,
            ["top_k"] = 1,
            ["top_p"] = 1.0,
        },
    };
}
