using System.Collections.Concurrent;
using System.Text.RegularExpressions;
using Btx.Model.Tokens;
using GenAI = Microsoft.ML.OnnxRuntimeGenAI;

namespace Btx.Server.Http.Chat;

/// <summary>
/// Renders the model's chat template with the Jinja of ONNX Runtime GenAI, a few chats at once, each on a thread of its own. A template
/// that does not end is not waited for. Its thread cannot be stopped: once so many hang as may render at once, nothing is rendered until
/// one ends after all. Thread-safe.
/// </summary>
/// <param name="timeLimit">Of one chat; null: 5 seconds.</param>
/// <param name="atOnce">How many chats; null: one for each processor, and 4 at most.</param>
internal sealed partial class ChatRenderer(TextTokenizer tokenizer, TimeSpan? timeLimit = null, int? atOnce = null) : IDisposable
{
    // A template that GenAI's extensions find this in gets tools in OpenAI's form, as Hugging Face gives them, not in one of their own.
    private const string ToolsAsTheyAre = "{# tool.function #}";

    // A graph of one node, int64[n] input_ids -> Cast -> float[n] logits: a tokenizer comes only with a model.
    private const string Graph = "CAg6XQokCglpbnB1dF9pZHMSBmxvZ2l0cyIEQ2FzdCoJCgJ0bxgBoAECEgR0ZXh0WhgKCWlucHV0X2lkcxILCgkIBxIFCgMSAW5iFQoG"
        + "bG9naXRzEgsKCQgBEgUKAxIBbkIECgAQEQ==";

    // Hugging Face renders so that a block has no line of its own (trim_blocks, lstrip_blocks); this Jinja does not know these options.
    private readonly string _template = ToolsAsTheyAre
        + LineAfterBlock().Replace(IndentBeforeBlock().Replace(tokenizer.ChatTemplate ?? "", ""), "");

    private readonly TimeSpan _timeLimit = timeLimit ?? TimeSpan.FromSeconds(5);
    private readonly int _atOnce = atOnce ?? Math.Clamp(Environment.ProcessorCount, 1, 4);
    private readonly SemaphoreSlim _gate = new(atOnce ?? Math.Clamp(Environment.ProcessorCount, 1, 4)), _opening = new(1);
    private readonly ConcurrentBag<GenAI.Tokenizer> _idle = []; // one for each chat: what two threads do with one is nowhere said
    private GenAI.Model? _model;
    private int _stuck;

    /// <param name="messages">A JSON array.</param>
    /// <param name="tools">A JSON array; empty: none.</param>
    /// <param name="answer">The text ends where the assistant's answer begins.</param>
    /// <exception cref="RequestRejectedException">The template refuses the messages, or chat is not available.</exception>
    public async Task<string> RenderAsync(string messages, string tools, bool answer, CancellationToken cancellation)
    {
        await _gate.WaitAsync(cancellation);
        try
        {
            if (Volatile.Read(ref _stuck) >= _atOnce)
                throw Unavailable("the model's chat template has not ended for earlier chats; chat is refused until it does, or until the "
                    + "server starts again");
            await OpenAsync();
            var rendering = Task.Factory.StartNew(() => Render(messages, tools, answer), CancellationToken.None,
                TaskCreationOptions.LongRunning, TaskScheduler.Default);
            if (await Task.WhenAny(rendering, Task.Delay(_timeLimit, CancellationToken.None)) == rendering) return await rendering;
            Interlocked.Increment(ref _stuck);
            _ = rendering.ContinueWith(_ => Interlocked.Decrement(ref _stuck), TaskScheduler.Default);
            throw Unavailable($"the model's chat template did not end within {_timeLimit.TotalSeconds} s");
        }
        catch (GenAI.OnnxRuntimeGenAIException e)
        {
            throw RequestRejectedException.For("messages",
                $"the model's chat template does not render these messages: {BtxException.OneLine(e.Message, 400)}");
        }
        finally
        {
            _gate.Release();
        }
    }

    public void Dispose()
    {
        _gate.Dispose();
        _opening.Dispose();
        if (Volatile.Read(ref _stuck) > 0) return; // a thread still uses them
        while (_idle.TryTake(out var jinja)) jinja.Dispose();
        _model?.Dispose();
    }

    private string Render(string messages, string tools, bool answer)
    {
        if (!_idle.TryTake(out var jinja)) throw new InvalidOperationException("more chats render than may");
        try
        {
            return jinja.ApplyChatTemplate(_template, messages, tools, answer);
        }
        finally
        {
            _idle.Add(jinja);
        }
    }

    private async Task OpenAsync()
    {
        if (Volatile.Read(ref _model) is not null) return;
        await _opening.WaitAsync();
        try
        {
            if (_model is null) await Task.Run(Open);
        }
        finally
        {
            _opening.Release();
        }
    }

    private static RequestRejectedException Unavailable(string message) =>
        new(new("messages", message, ErrorKind.Unavailable, "chat_unavailable"));

    [GeneratedRegex(@"^[ \t]+(?=\{[%#](?!\+))", RegexOptions.Multiline)]
    private static partial Regex IndentBeforeBlock();

    [GeneratedRegex(@"(?<=[^+][%#]\})\r?\n")]
    private static partial Regex LineAfterBlock();

    /// <summary>The template's variables bos_token and eos_token are all that it needs of the tokenizer.</summary>
    private void Open()
    {
        var directory = Directory.CreateTempSubdirectory("btx-chat-"); // for this user only
        try
        {
            void Write(string name, object json) => File.WriteAllText(Path.Combine(directory.FullName, name),
                System.Text.Json.JsonSerializer.Serialize(json));
            string Token(int? id) => id is { } known ? System.Text.Encoding.UTF8.GetString(tokenizer.TokenBytes(known).Span) : "";
            File.WriteAllBytes(Path.Combine(directory.FullName, "model.onnx"), Convert.FromBase64String(Graph));
            Write("genai_config.json", new
            {
                model = new
                {
                    type = "llama",
                    vocab_size = 1,
                    context_length = 1,
                    bos_token_id = 0,
                    eos_token_id = 0,
                    pad_token_id = 0,
                    decoder = new
                    {
                        filename = "model.onnx",
                        head_size = 1,
                        hidden_size = 1,
                        num_attention_heads = 1,
                        num_hidden_layers = 0,
                        num_key_value_heads = 1,
                        session_options = new { intra_op_num_threads = 1, provider_options = Array.Empty<object>() },
                        inputs = new { input_ids = "input_ids" },
                        outputs = new { logits = "logits" },
                    },
                },
                search = new { max_length = 1 },
            });
            Write("tokenizer.json", new { model = new { type = "BPE", vocab = new { a = 0 }, merges = Array.Empty<string>() } });
            Write("tokenizer_config.json", new
            {
                tokenizer_class = "PreTrainedTokenizerFast",
                bos_token = Token(tokenizer.BosId),
                eos_token = Token(tokenizer.EosId),
            });
            var model = new GenAI.Model(directory.FullName);
            for (var i = 0; i < 2 * _atOnce; i++) _idle.Add(new(model)); // as many more may hang
            Volatile.Write(ref _model, model);
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }
}
