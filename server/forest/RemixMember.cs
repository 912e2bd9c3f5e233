using Btx.Model.Moe;

namespace Btx.Forest;

/// <summary>A model whose feed-forwards become one expert of the mixture made anew.</summary>
/// <param name="Expert">What <c>btx.json</c> will say of it; its hash is that of the weights in <paramref name="Directory"/>.</param>
/// <param name="Directory">Absolute.</param>
/// <param name="Statistics">File with the hidden states on its domain's text; null: it stands for no domain (the seed).</param>
internal sealed record RemixMember(BtxExpert Expert, string Directory, string? Statistics);
