using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.ML.OnnxRuntimeGenAI;
using GenAIModel = Microsoft.ML.OnnxRuntimeGenAI.Model;

namespace Btx.Peers.GenAI;

/// <summary>
/// ONNX Runtime GenAI's Generator with a batch of sequences: requests that wait when a batch begins share it, later ones wait until its
/// longest has ended; its C# interface has no other batching. Greedy.
/// </summary>
internal sealed class BatchedGenerator : IPeerModel
{
    private readonly Config config;
    private readonly GenAIModel model;
    private readonly int padding;
    private readonly List<Row> rows = [];
    private readonly Dictionary<int, Generator> generators = [];
    private Generator? generator;

    /// <exception cref="PeerException">No model directory of GenAI.</exception>
    public BatchedGenerator(PeerOptions options)
    {
        var path = Path.Combine(options.Model, "genai_config.json");
        if (!File.Exists(path))
            throw new PeerException($"{path}: not found; make it with `btx export --forest F --out S --genai` and name S/weights/EXPERT");
        using var document = JsonDocument.Parse(File.ReadAllBytes(path));
        var described = document.RootElement.GetProperty("model");
        var vocabulary = described.GetProperty("vocab_size").GetInt32();
        var context = described.GetProperty("context_length").GetInt32();
        padding = vocabulary - 1;
        config = new Config(options.Model);
        var session = new JsonObject { ["intra_op_num_threads"] = options.Threads };
        var overlay = new JsonObject
        {
            ["model"] = new JsonObject
            {
                ["pad_token_id"] = padding,
                ["decoder"] = new JsonObject { ["session_options"] = session }
            }
        };
        config.Overlay(overlay.ToJsonString());
        model = new GenAIModel(config);
        Description = new PeerDescription($"ONNX Runtime GenAI {Version}", options.Threads, options.Slots,
            Math.Min(options.Context ?? context, context), vocabulary,
            Precision(options.Model), "one Generator of a batch; a batch ends before the next begins");
    }

    public PeerDescription Description { get; }

    public int Running => rows.Count(r => !r.Ended);

    public TimeSpan Gather => TimeSpan.FromMilliseconds(2);

    public bool TryAdd(PeerRequest request)
    {
        if (generator is not null || rows.Count == Description.Slots) return false;
        if (rows.Count > 0 && !Fit([.. rows.Select(r => r.Request), request])) return false;
        rows.Add(new Row(request));
        return true;
    }

    // Shorter prompts are padded on the right, and the padding counts to the length that the generator may reach.
    private bool Fit(PeerRequest[] batch) =>
        batch.Max(r => r.Prompt.Length) + batch.Max(r => r.MaxTokens) <= Description.Context && !batch.Any(r => r.Prompt.Contains(padding));

    public void Step(PeerAnswers answers)
    {
        if (generator is null) Begin();
        generator!.GenerateNextToken();
        var next = generator.GetNextTokens();
        for (var i = 0; i < rows.Count; i++)
        {
            var row = rows[i];
            if (row.Ended) continue;
            row.Generated++;
            answers.Token(row.Request.Id, next[i]);
            if (row.Generated < row.Request.MaxTokens && row.Request.Prompt.Length + row.Generated < Description.Context) continue;
            answers.Done(row.Request, row.Generated == row.Request.MaxTokens ? "length" : "context");
            row.Ended = true;
        }

        if (Running == 0) End();
    }

    public void Cancel(long id)
    {
        foreach (var row in rows) row.Ended |= row.Request.Id == id;
        if (rows.Count > 0 && Running == 0) End();
    }

    public void Dispose()
    {
        foreach (var made in generators.Values) made.Dispose();
        model.Dispose();
        config.Dispose();
    }

    private void Begin()
    {
        generator = Rewound(rows.Count);
        var longest = rows.Max(r => r.Request.Prompt.Length);
        var tokens = new int[rows.Count * longest];
        Array.Fill(tokens, padding);
        for (var i = 0; i < rows.Count; i++) rows[i].Request.Prompt.CopyTo(tokens, i * longest);
        generator.AppendTokens(tokens);
    }

    // To make one takes 10 ms or more, whatever the model's size: there is one for each size of batch.
    private Generator Rewound(int batch)
    {
        if (generators.TryGetValue(batch, out var made))
        {
            made.RewindTo(0);
            return made;
        }

        using var parameters = new GeneratorParams(model);
        parameters.SetSearchOption("batch_size", batch);
        parameters.SetSearchOption("max_length", Description.Context);
        parameters.SetSearchOption("min_length", Description.Context); // past the end-of-text token
        return generators[batch] = new Generator(model, parameters);
    }

    private void End()
    {
        generator = null;
        rows.Clear();
    }

    private static string? Version =>
        typeof(BatchedGenerator).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().FirstOrDefault(a => a.Key == "GenAI")?.Value;

    private static string Precision(string directory) =>
        JsonDocument.Parse(File.ReadAllBytes(Path.Combine(directory, "config.json"))).RootElement.GetProperty("torch_dtype")
        .GetString() == "float16" ? "fp16" : "fp32";

    private sealed class Row(PeerRequest request)
    {
        public PeerRequest Request { get; } = request;

        public int Generated { get; set; }

        public bool Ended { get; set; }
    }
}
