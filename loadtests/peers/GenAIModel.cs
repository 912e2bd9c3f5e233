using System.Text.Json;
using Btx.Model.Configuration;
using Microsoft.ML.OnnxRuntimeGenAI;

namespace Btx.Peers;

/// <summary>ONNX Runtime GenAI's Generator with a batch: requests that wait when it begins share it, later ones wait.</summary>
internal sealed class GenAIModel : IPeerModel
{
    private readonly Config _config;
    private readonly Microsoft.ML.OnnxRuntimeGenAI.Model _model;
    private readonly int _padding;
    private readonly List<PeerRequest> _rows = [];
    private readonly HashSet<PeerRequest> _running = [];
    private readonly Dictionary<int, Generator> _generators = [];
    private Generator? _generator;

    public GenAIModel(string directory, PeerSlots options, string? version)
    {
        var path = Path.Combine(directory, "genai_config.json");
        if (!File.Exists(path))
            throw new BtxException($"{path}: not found; make it with `btx export --forest F --out S --genai` and name S/weights/EXPERT");
        try
        {
            var model = LlamaConfig.Load(directory);
            _padding = model.VocabSize - 1;
            _config = new Config(directory);
            var decoder = new { session_options = new { intra_op_num_threads = options.Threads } };
            _config.Overlay(JsonSerializer.Serialize(new { model = new { pad_token_id = _padding, decoder } }));
            _model = new(_config);
            Description = new($"ONNX Runtime GenAI {version}", options.Threads, options.Slots,
                Math.Min(options.Context ?? int.MaxValue, model.MaxPositionEmbeddings), model.VocabSize,
                model.TorchDtype == "float16" ? "fp16" : "fp32", "one Generator of a batch; a batch ends before the next begins");
        }
        catch (OnnxRuntimeGenAIException e)
        {
            throw new BtxException($"{directory}: GenAI cannot load it: {BtxException.OneLine(e.Message)}", e);
        }
    }

    public PeerDescription Description { get; }

    public TimeSpan Gather => TimeSpan.FromMilliseconds(2);

    public bool TryAdd(PeerRequest request)
    {
        if (_generator is not null || _rows.Count == Description.Slots || (_rows.Count > 0 && !Fit([.. _rows, request]))) return false;
        _rows.Add(request);
        return _running.Add(request);
    }

    public IReadOnlyList<(PeerRequest Request, int Token)> Step()
    {
        if (_generator is null) Begin();
        _generator!.GenerateNextToken();
        var next = _generator.GetNextTokens().ToArray();
        return [.. _rows.Zip(next).Where(r => _running.Contains(r.First))];
    }

    public void Remove(PeerRequest request)
    {
        _running.Remove(request);
        if (_running.Count > 0) return;
        _generator = null;
        _rows.Clear();
    }

    public void Dispose()
    {
        foreach (var made in _generators.Values) made.Dispose();
        _model.Dispose();
        _config.Dispose();
    }

    // Shorter prompts are padded on the right, and the padding counts to the length that the generator may reach.
    private bool Fit(PeerRequest[] batch) => batch.Max(r => r.Prompt.Length) + batch.Max(r => r.MaxTokens) <= Description.Context
        && !batch.Any(r => r.Prompt.Contains(_padding));

    private void Begin()
    {
        _generator = Rewound(_rows.Count);
        var longest = _rows.Max(r => r.Prompt.Length);
        _generator.AppendTokens([.. _rows.SelectMany(r => r.Prompt.Concat(Enumerable.Repeat(_padding, longest - r.Prompt.Length)))]);
    }

    // To make one takes 10 ms or more, whatever the model's size: there is one for each size of batch.
    private Generator Rewound(int batch)
    {
        if (_generators.TryGetValue(batch, out var made))
        {
            made.RewindTo(0);
            return made;
        }

        using var parameters = new GeneratorParams(_model);
        parameters.SetSearchOption("batch_size", batch);
        parameters.SetSearchOption("max_length", Description.Context);
        parameters.SetSearchOption("min_length", Description.Context); // past the end-of-text token
        return _generators[batch] = new Generator(_model, parameters);
    }
}
