"""First names that are common in France, each with the short forms it goes by."""

from __future__ import annotations

from typing import Final

_SHORT: Final = """
adrien; agathe; agnes; aime; alain; albert; alexandra: sandra, alexa; alexandre: alex; alexis; alice; aline;
amandine: mandy; amelie; anais; andre: dede; andrea; andree; angelique; anna; anne; annie; antoine: toine, tonio;
arnaud; arthur; audrey; aurelie; aurelien; axel; baptiste; barbara; beatrice: bea; benedicte: bene; benjamin: ben,
benji; benoit; bernadette; bernard; bertrand; brigitte: bri; bruno; camille; carine; carole; caroline: caro;
catherine: cathy, cath, kathy, katy; cecile; cedric; celia; celine; chantal; charlene; charles: charly, charlie;
charlotte: lotte; chloe; christelle; christian; christiane; christine: chris, cricri; christophe: tof; claire;
clara; carla; claude; claudine; clemence; clement; colette; coralie; corentin; corinne; cyril; damien; daniel: dan,
dany; daniele; danielle; david: dave; delphine; denis; denise; didier; dominique: dom, domi; dylan; edouard: ed;
edith; eleonore; eliane; elisa; elisabeth: babette, elise, lisbeth; elodie; emile; emilie; emma; emmanuel: manu;
emmanuelle; enzo; eric; estelle; etienne; eugenie; eva; fabien; fabienne; fabrice; fanny; fernand; flora; florence:
flo; florent; florian; france; franck; francis; francine; francois: fanfan; francoise; frederic: fred; frederique;
gabriel: gaby; gabrielle; gael; gaelle; gautier; genevieve: ginette; georges: jojo; gerald; gerard: gege; germaine;
ghislaine; gilbert; gilles; gisele; gregory: greg; guillaume: guigui, will; guy; helene: lena, nini; henri: riton;
herve; hugo; hugues; ines; irene; isabelle: isa, zabou; jacqueline: jackie, jacotte; jacques: jacky; jean; jeanne:
jeannette; jeremy: jerem; jerome; joelle; joel; jonathan: jo, john; jordan; joseph; josette; josiane; joshua;
julia; julie; julien: juju; juliette; justine; karine; kevin; laetitia; laura; laure; laurence; laurent: lolo; lea;
leo; leon; leonie; liliane; lina; lise; loic; lola; louis: loulou; louise; luc; lucas; lucie; lucien; lucile;
lucienne; ludovic: ludo; lydie; madeleine: mado; manon; marc; marcel; marcelle; margaux; margot; marguerite; maria;
marie; marine; marion; marjorie; marthe; martial; martin; martine; mathieu: mat, mathis; mathilde; maud; maurice:
momo; max; maxime; melanie: mel; melissa; michel: mich, mimi; michele; mickael: mick, mickey; mireille; monique:
momone; morgane; muriel; myriam; nadege; nadia; nadine; nathalie: nath, nathy; nathan; nelly; nicolas: nico;
nicole; noa; noah; noel; noemie; odette; odile; olivier: oliv; oceane; pascal; pascale; patricia: pat, patou;
patrice; patrick; paul: popaul; paule; paulette; pauline; philippe: phil; philippine; pierre: pierrot; quentin;
rachel; raphael: raph; raymond; raymonde; regine; regis; remi; rene; renee; richard: rick; robert: bob, bobby, rob;
robin; roger; roland; romain; romane; rose; sabine; sabrina; samuel: sam, sammy; sandrine; sara; sarah; sebastien:
seb; serge; severine; simon; simone; solange; sonia; sophie: soph; stephane: stef, steph; stephanie: stephie;
suzanne: suzy, suzon; sylvain; sylvie; tanguy; theo; theophile; therese; thibault: thib; thibaut; thierry: titi;
thomas: tom; valentin: val; valentine; valerie; vanessa; veronique: vero; victor; victoire; victoria: vicky;
vincent: vince; virginie; viviane; william: bill, billy, willy; xavier; yann; yannick; yves; yvette; yvonne; zoe;
james: jim, jimmy; michael: mike, micky; margaret: maggie, peggy; elizabeth: liz, beth, betty, lizzie; edward:
eddie, ted, teddy; katherine: kate, katie; anthony: tony; andrew: andy, drew; susan: sue, susie; thomasina;
matthew: matt; christopher: topher
"""


def _read(text: str) -> dict[str, tuple[str, ...]]:
    names: dict[str, tuple[str, ...]] = {}
    for entry in text.replace("\n", " ").split(";"):
        root, _colon, short = entry.strip().partition(":")
        if root:
            names[root] = tuple(one.strip() for one in short.split(",") if one.strip())
    return names


GIVEN_NAMES: Final = _read(_SHORT)
"""A name and what it is shortened to, without capitals and accents. Two different names of this list are two people's."""
