using System.CommandLine;

namespace Btx.Cli.Tests;

public sealed class FlagsTests
{
    [Fact]
    public void A_form_is_the_name_and_what_the_help_calls_the_value()
    {
        var flag = new Flag<int>("--device cpu|cuda[:n]", "where", 3);
        Assert.Equal(("--device", "cpu|cuda[:n]", 3), (flag.Name, flag.HelpName, new Command("x") { flag }.Parse([]).GetValue(flag)));
        Assert.Null(new Flag<bool>("--fresh", "again").HelpName);
    }

    [Theory]
    [InlineData("", "ab|ab")]
    [InlineData("--names a,b --names c", "a,b,c|ab")]
    [InlineData("--names a, --one a", "a|a")]
    public void Names_stand_between_commas_and_a_choice_is_one_of_its_words(string line, string expected)
    {
        var (names, one) = (Flags.Names("--names A,B", "which"), new Choice("--one", ["a", "ab"], "one", "ab"));
        var parsed = new Command("x") { names, one }.Parse(line);
        Assert.Equal(expected, $"{(line.Length == 0 ? "ab" : string.Join(',', parsed.GetValue(names)!))}|{parsed.GetValue(one)}");
    }

    [Theory]
    [InlineData("--one b")]
    [InlineData("--threads -1")]
    [InlineData("--threads 1025")]
    [InlineData("--threads many")]
    [InlineData("--seconds 0.5")]
    [InlineData("--seconds NaN")]
    [InlineData("--seconds soon")]
    [InlineData("--out ''")]
    [InlineData("--model=")]
    [InlineData("--model a=b ''")]
    [InlineData("--names ,")]
    [InlineData("--names a ''")]
    public void What_a_flag_does_not_take_is_an_error(string line) => Assert.NotEmpty(
        new Command("x")
        {
            new Choice("--one", ["a"], "one"), Flags.Threads("how many", 0, least: 0),
            new Flag<double>("--seconds S", "how long", 1).Between(1, 2), new Flag<string?>("--out FILE.svg", "where"),
            new Flag<string[]>("--model NAME=DIR", "which", []) { AllowMultipleArgumentsPerToken = true },
            Flags.Names("--names A,B", "which"),
        }.Parse([.. line.Split(' ').Select(word => word.Trim('\''))]).Errors);

    [Fact]
    public void The_flag_comes_before_the_variable_and_that_before_the_usual_address()
    {
        var flag = new ServerFlag();
        Assert.Equal(("--server", "a:1"), flag.Choose("a:1", "b:2"));
        Assert.Equal(("BTX_SERVER", "b:2,c:3"), flag.Choose(null, "b:2,c:3"));
        Assert.Equal(("--server", "127.0.0.1:8081"), flag.Choose(null, ""));
    }

    [Fact]
    public void A_key_of_a_file_comes_before_that_of_the_variable_and_what_is_none_is_not_told()
    {
        static string? Choose(string? file, string? variable) =>
            ApiKeyFlag.Choose(file, variable, path => $"read {path}", problem => new InvalidOperationException(problem));
        Assert.Equal(("read a.key", "key"), (Choose("a.key", "key"), Choose(null, "key")));
        Assert.Null(Choose(null, "") ?? Choose(null, null));
        var failure = Assert.Throws<InvalidOperationException>(() => Choose(null, "a secret\n"));
        Assert.Equal("BTX_API_KEY: holds no key; expected ASCII characters without blanks", failure.Message);
    }

    [Fact]
    public void A_table_s_columns_are_as_wide_as_they_need() => Assert.Equal(["NAME  OF  TOKENS", "a     xy       5", "bcd   z       12"],
        TextTable.Lines(["NAME", "OF", "TOKENS"], [["a", "xy", "5"], ["bcd", "z", "12"]], figuresFrom: 2));
}
