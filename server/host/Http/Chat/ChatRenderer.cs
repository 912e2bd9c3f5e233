using System.Text.RegularExpressions;
using Btx.Model.Tokens;
using GenAI = Microsoft.ML.OnnxRuntimeGenAI;

namespace Btx.Server.Http.Chat;

/// <summary>
/// Renders the model's chat template with the Jinja of ONNX Runtime GenAI, one chat at a time, each on a thread of its own. A template that
/// does not end is not waited for: its thread cannot be stopped, so nothing is rendered until it ends after all. Thread-safe.
/// </summary>
/// <param name="timeLimit">Of one chat; null: 5 seconds.</param>
internal sealed partial class ChatRenderer(TextTokenizer tokenizer, TimeSpan? timeLimit = null) : IDisposable
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
    private readonly SemaphoreSlim _gate = new(1);
    private GenAI.Model? _model;
    private GenAI.Tokenizer? _jinja;
    private volatile bool _stuck;

    /// <param name="messages">A JSON array.</param>
    /// <param name="tools">A JSON array; empty: none.</param>
    /// <param name="answer">The text ends where the assistant's answer begins.</param>
    /// <exception cref="RequestRejectedException">The template refuses the messages, or chat is not available.</exception>
    public async Task<string> RenderAsync(string messages, string tools, bool answer, CancellationToken cancellation)
    {
        await _gate.WaitAsync(cancellation);
        try
        {
            if (_stuck)
                throw Unavailable("the model's chat template has not ended for an earlier chat; chat is refused until it does, or until "
                    + "the server starts again");
            _jinja ??= await Task.Run(Open, CancellationToken.None);
            var rendering = Task.Factory.StartNew(
                () => _jinja.ApplyChatTemplate(_template, messages, tools, answer), CancellationToken.None,
                TaskCreationOptions.LongRunning, TaskScheduler.Default);
            if (await Task.WhenAny(rendering, Task.Delay(_timeLimit, CancellationToken.None)) == rendering) return await rendering;
            _stuck = true;
            _ = rendering.ContinueWith(_ => _stuck = false, TaskScheduler.Default);
            throw Unavailable($"the model's chat template did not end within {_timeLimit.TotalSeconds} s; chat is refused until it does, "
                + "or until the server starts again");
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
        if (_stuck) return; // a thread still uses them
        _jinja?.Dispose();
        _model?.Dispose();
        _gate.Dispose();
    }

    private static RequestRejectedException Unavailable(string message) =>
        new(new("messages", message, ErrorKind.Unavailable, "chat_unavailable"));

    [GeneratedRegex(@"^[ \t]+(?=\{[%#](?!\+))", RegexOptions.Multiline)]
    private static partial Regex IndentBeforeBlock();

    [GeneratedRegex(@"(?<=[^+][%#]\})\r?\n")]
    private static partial Regex LineAfterBlock();

    /// <summary>The template's variables bos_token and eos_token are all that it needs of the tokenizer.</summary>
    private GenAI.Tokenizer Open()
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
            _model = new(directory.FullName);
            return new(_model);
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }
}
