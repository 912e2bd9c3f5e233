using Btx.Model.Tokens;

namespace Btx.Server.Tests.Fakes;

/// <summary>Tokenizers with a chat template.</summary>
internal static class ChatTokenizers
{
    /// <summary>ChatML with tools, in the manner of Qwen.</summary>
    public const string ChatMl = """
        {%- if tools %}{{- '<|im_start|>system\nTools: ' }}{%- for tool in tools %}{{- tool | tojson }}{%- endfor %}
        {{- '<|im_end|>\n' }}{%- endif %}
        {%- for message in messages %}
        {{- '<|im_start|>' + message.role + '\n' + message.content }}
        {%- for call in message.tool_calls %}
        {{- '<tool_call>' + call.function.name + call.function.arguments | tojson + '</tool_call>' }}{%- endfor %}
        {{- '<|im_end|>\n' }}
        {%- endfor %}
        {%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}
        """;

    private static readonly TextTokenizer s_plain = BpeTrainer.Train(["the fox jumps over the lazy dog. user system assistant"], 300,
        ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]);

    /// <summary>A tokenizer of 300 tokens that has this template, in a file of its own as newer models have it.</summary>
    public static TextTokenizer With(string template)
    {
        var directory = Directory.CreateTempSubdirectory("btx-chat-");
        try
        {
            s_plain.Save(directory.FullName);
            File.WriteAllText(Path.Combine(directory.FullName, "chat_template.jinja"), template);
            return TextTokenizer.Load(directory.FullName);
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }
}
